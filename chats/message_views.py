"""What a person does to one message of a conversation, and the thread as it then is."""

from __future__ import annotations

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.http import AuthenticatedRequest, wants_json
from chats import access, editing, pages, summarising
from chats import gauge as gauges
from chats.forms import read_id, read_send
from chats.models import Chat


@require_GET
@login_required
def thread(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Return the messages from `from` on, or those before `before`, or the newest."""
    chat = access.get_chat(request.user, chat_id)
    before = read_id(request.GET.get("before"))
    window = pages.window(chat, start=read_id(request.GET.get("from")), before=before, held=before)
    return render(request, "chats/_thread.html", {"chat": chat, **window})


@require_GET
@login_required
def gauge(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Return how much of the chat the model sees, and whether it has the card to itself."""
    chat = access.get_chat(request.user, chat_id)
    name = request.GET.get("model", "")[:190] or chat.model_name
    context = {
        "chat": chat,
        "gauge": gauges.read_gauge(chat, name=name),
        "slow": gauges.read_slow(name),
        "model_name": name,
    }
    return render(request, "chats/_gauge.html", context)


@require_POST
@login_required
def summarise(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Ask for a summary of the older part."""
    chat = access.get_chat(request.user, chat_id)
    summarising.summarise_chat(chat)
    return _done(request, chat)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Change a message's words where it stands; a browser without scripts gets a page for it."""
    message = access.get_message(request.user, message_id, chat_id=chat_id)
    if request.method == "GET":
        can_resend = not message.is_answer and not editing.is_wish_for_picture(message)
        context = {"message": message, "chat": message.chat, "can_resend": can_resend}
        return render(request, "chats/edit.html", context)
    editing.stand_with(message)
    editing.edit_message(message, content=request.POST.get("content", ""))
    return _done(request, message.chat)


@require_POST
@login_required
def resend(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Send a message again in other words, as a branch of its own."""
    message = access.get_message(request.user, message_id, chat_id=chat_id)
    wanted = read_send(request.POST)
    sent = editing.resend_message(
        message,
        content=wanted["content"],
        model_name=wanted["model_name"],
        client_id=wanted["client_id"],
    )
    return _done(request, sent.chat)


@require_POST
@login_required
def branch(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Show the branch that this message is on."""
    message = access.get_message(request.user, message_id, chat_id=chat_id)
    return _done(request, editing.choose_branch(message))


@require_POST
@login_required
def delete(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Take a message out of the thread."""
    message = access.get_message(request.user, message_id, chat_id=chat_id)
    editing.stand_with(message)
    editing.delete_message(message)
    if not wants_json(request):
        flashes.info(
            request, _("The message is deleted. For 30 days it can be brought back from the chat's settings.")
        )
    return _done(request, message.chat)


@require_POST
@login_required
def restore(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Bring a deleted message back."""
    message = access.get_deleted_message(request.user, message_id, chat_id=chat_id)
    editing.restore_message(message)
    return _done(request, message.chat)


@require_POST
@login_required
def fork(request: AuthenticatedRequest, chat_id: int, message_id: int) -> HttpResponse:
    """Begin a new chat with all that stands above, and this message."""
    message = access.get_message(request.user, message_id, chat_id=chat_id)
    chat = editing.fork_chat(message)
    return JsonResponse({"url": chat.get_absolute_url()}) if wants_json(request) else redirect(chat)


def _done(request: AuthenticatedRequest, chat: Chat) -> HttpResponse:
    return HttpResponse(status=204) if wants_json(request) else redirect(chat)
