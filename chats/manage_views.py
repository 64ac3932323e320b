"""What people do with whole chats, one or many, and the lists of those that the sidebar does not show."""

from __future__ import annotations

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest, wants_json
from chats import access, export_views, listing, managing, pages
from chats.forms import read_id
from chats.models import Chat, ChatQuerySet

MOST_AT_ONCE = 1000


@require_GET
@login_required
def chat_list(request: AuthenticatedRequest) -> HttpResponse:
    """Return the sidebar's list, as long as it was on the page, or the run `after` a place."""
    current = read_id(request.GET.get("chat"))
    chosen = Chat.objects.visible_to(request.user).filter(pk=current).first() if current else None
    if after := request.GET.get("after", ""):
        context = {"listed": listing.more(request.user, after), "chat": chosen}
        return render(request, "chats/_rows.html", context)
    rows = read_id(request.GET.get("rows")) or listing.FIRST
    context = {"listed": listing.sidebar(request.user, rows=min(rows, listing.MOST)), "chat": chosen}
    return render(request, "chats/_list.html", context)


@require_GET
@login_required
def all_chats(request: AuthenticatedRequest) -> HttpResponse:
    """Show all chats, so that several can be put away at once."""
    return _many(request, "all", Chat.objects.visible_to(request.user).in_list())


@require_GET
@login_required
def archive(request: AuthenticatedRequest) -> HttpResponse:
    """Show what was archived."""
    return _many(request, "archive", Chat.objects.visible_to(request.user).exclude(archived_at=None))


@require_GET
@login_required
def bin_(request: AuthenticatedRequest) -> HttpResponse:
    """Show what was deleted in the last 30 days."""
    return _many(request, "bin", Chat.objects.deleted_by(request.user))


def _many(request: AuthenticatedRequest, which: str, chats: ChatQuerySet) -> HttpResponse:
    found = listing.window(chats, after=request.GET.get("after", ""), rows=200)
    return render(request, "chats/many.html", pages.page(request.user) | {"which": which, "found": found})


@require_POST
@login_required
def many(request: AuthenticatedRequest) -> HttpResponseBase:
    """Archive, put back, delete, bring back or download the chosen chats."""
    chosen = request.POST.getlist("chat")
    if len(chosen) > MOST_AT_ONCE or not all(
        identity.isdecimal() and len(identity) < 19 for identity in chosen
    ):
        raise AppError(_("Choose some chats first."), code=Code.INVALID)
    identities = [int(identity) for identity in chosen]
    if request.POST.get("do") == "export":
        mine = Chat.objects.visible_to(request.user).filter(pk__in=identities).order_by("pk")
        return export_views.send_zip(request, mine)
    sentence = _do(request, request.POST.get("do", ""), identities)
    if wants_json(request):
        return HttpResponse(status=204)
    flashes.info(request, sentence)
    return redirect(_back(request))


def _do(request: AuthenticatedRequest, what: str, identities: list[int]) -> str:
    """Do it and return in words what was done. Raises AppError invalid."""
    user = request.user
    if what == "delete":
        count = managing.delete_chats(user, identities)
        return ngettext("%(n)d chat is in the bin.", "%(n)d chats are in the bin.", count) % {"n": count}
    if what in ("archive", "unarchive"):
        count = managing.archive_chats(user, identities, archived=what == "archive")
    elif what == "restore":
        count = managing.restore_chats(user, identities)
    else:
        raise AppError(_("Choose what to do with them."), code=Code.INVALID)
    return ngettext("%(n)d chat was moved.", "%(n)d chats were moved.", count) % {"n": count}


def _back(request: AuthenticatedRequest) -> str:
    names = {"archive": "chats:archive", "bin": "chats:bin"}
    return names.get(request.POST.get("which", ""), "chats:all")


@require_POST
@login_required
def rename(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Give a chat another title."""
    chat = access.get_chat(request.user, chat_id)
    managing.rename_chat(chat, title=request.POST.get("title", ""))
    return _done(request, chat)


@require_POST
@login_required
def pin(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Keep a chat at the top, or no more."""
    chat = access.get_chat(request.user, chat_id)
    managing.pin_chat(chat, pinned=not chat.pinned_at)
    return _done(request, chat)


@require_POST
@login_required
def archive_one(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Take a chat out of the list, or put it back."""
    chat = access.get_chat(request.user, chat_id)
    managing.archive_chats(request.user, [chat.pk], archived=not chat.archived_at)
    return _done(request, chat)


@require_POST
@login_required
def delete(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Take a chat out of sight."""
    chat = access.get_chat(request.user, chat_id)
    managing.delete_chats(request.user, [chat.pk])
    if wants_json(request):
        return HttpResponse(status=204)
    flashes.info(request, _("The chat is in the bin, where it stays for 30 days."))
    return redirect("chats:home")


@require_POST
@login_required
def restore(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Bring a deleted chat back."""
    if not managing.restore_chats(request.user, [chat_id]):
        raise AppError(_("There is no such chat."), code=Code.NOT_FOUND)
    return HttpResponse(status=204) if wants_json(request) else redirect("chats:chat", chat_id)


@require_POST
@login_required
def draft(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Keep what is being written, for the person's other devices."""
    chat = access.get_chat(request.user, chat_id)
    managing.save_draft(chat, draft=request.POST.get("draft", ""))
    return HttpResponse(status=204)


@require_POST
@login_required
def new_draft(request: AuthenticatedRequest) -> HttpResponse:
    """Keep what is being written before a chat begins, for the person's other devices."""
    managing.save_new_draft(request.user, draft=request.POST.get("draft", ""))
    return HttpResponse(status=204)


@require_POST
@login_required
def read(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Note that the chat has been seen as it stands."""
    managing.mark_read(access.get_chat(request.user, chat_id))
    return HttpResponse(status=204)


def _done(request: AuthenticatedRequest, chat: Chat) -> HttpResponse:
    return HttpResponse(status=204) if wants_json(request) else redirect(chat)
