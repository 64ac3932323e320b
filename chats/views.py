"""The pages of a conversation."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.http import AuthenticatedRequest, wants_json
from chats import access, editing, managing, pages, sending, summarising
from chats.forms import read_id, read_send
from chats.models import Message


@require_GET
@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    """Show an empty conversation."""
    return render(request, "chats/page.html", pages.page(request.user))


@require_GET
@login_required
def chat(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Show a conversation as it stands; with `m` a branch that holds that message, for this once."""
    found = access.get_chat(request.user, chat_id)
    if wanted := read_id(request.GET.get("m")):
        access.get_message(request.user, wanted, chat_id=chat_id)
    return render(request, "chats/page.html", pages.page(request.user, found, start=wanted))


@require_GET
@login_required
def message(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Return one message as it is now."""
    found = access.get_message(request.user, message_id, chat_id=chat_id)
    return render(request, "chats/_message.html", {"message": pages.one(found), "chat": found.chat})


@require_POST
@login_required
def send_new(request: AuthenticatedRequest) -> HttpResponse:
    """Begin a conversation with a message."""
    sent = sending.send_message(None, author=request.user, **read_send(request.POST))
    managing.forget_draft(request.user, None)
    return _sent(request, sent)


@require_POST
@login_required
def send(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Send a message in a conversation."""
    found = access.get_chat(request.user, chat_id)
    found = editing.stand_as_seen(found, read_id(request.POST.get("seen")))
    return _sent(request, sending.send_message(found, author=request.user, **read_send(request.POST)))


@require_POST
@login_required
def again(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Ask for another answer."""
    answer = access.get_answer(request.user, message_id, chat_id=chat_id)
    if answer.kind == Message.Kind.SUMMARY:
        return _answer(request, summarising.summarise_again(answer))
    sent = sending.try_again(answer, model_name=request.POST.get("model", "")[:190])
    return _answer(request, sent.answer)


@require_POST
@login_required
def go_on(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Have the model go on where its answer ends."""
    answer = access.get_answer(request.user, message_id, chat_id=chat_id)
    editing.stand_with(answer)
    return _answer(request, sending.continue_answer(answer))


@require_POST
@login_required
def stop(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Stop an answer."""
    answer = access.get_answer(request.user, message_id, chat_id=chat_id)
    sending.stop_answer(answer)
    return HttpResponse(status=204) if wants_json(request) else redirect(answer.chat)


def _sent(request: AuthenticatedRequest, sent: sending.Sent) -> HttpResponse:
    if not wants_json(request):
        return redirect(sent.chat)
    return JsonResponse(pages.told(request, "chats/_turn.html", sent.chat, sent.message, sent.answer))


def _answer(request: AuthenticatedRequest, answer: Message) -> HttpResponse:
    if not wants_json(request):
        return redirect(answer.chat)
    return JsonResponse(pages.told(request, "chats/_message.html", answer.chat, answer))
