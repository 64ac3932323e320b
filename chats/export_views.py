"""Taking chats away as files, and bringing them back."""

from __future__ import annotations

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from accounts.downloads import send_file
from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from chats import access, importing, pages
from chats.exporting.archive import file_name, write_zip
from chats.exporting.document import write_json
from chats.exporting.reading import write_book, write_html, write_markdown
from chats.models import Chat, ChatQuerySet

FORMATS = {
    "md": ("text/markdown; charset=utf-8", write_markdown),
    "html": ("text/html; charset=utf-8", write_html),
    "json": ("application/json", lambda chat: write_json([chat])),
}


@require_GET
@login_required
def export_chat(request: AuthenticatedRequest, chat_id: int) -> HttpResponseBase:
    """Answer a chat as a file; `format` is md, html or json."""
    return send_chat(request, access.get_chat(request.user, chat_id), request.GET.get("format", "md"))


@require_http_methods(["GET", "POST"])
@login_required
def export_page(request: AuthenticatedRequest) -> HttpResponseBase:
    """Show how all chats are taken away and brought back; POST brings a file's chats."""
    if request.method == "POST":
        return _imported(request)
    mine = Chat.objects.visible_to(request.user)
    return render(request, "chats/exports.html", pages.page(request.user) | {"count": mine.count()})


@require_GET
@login_required
def export_all(request: AuthenticatedRequest) -> HttpResponseBase:
    """Answer all of the person's chats as one zip, with `format=html` as one page."""
    mine = Chat.objects.visible_to(request.user).order_by("pk")
    return send_book(request, mine) if request.GET.get("format") == "html" else send_zip(request, mine)


def send_zip(request: HttpRequest, chats: ChatQuerySet) -> HttpResponseBase:
    """Return chats as one zip."""
    return send_file(request, write_zip(chats.iterator(chunk_size=100)), "application/zip", _today("zip"))


def send_book(request: HttpRequest, chats: ChatQuerySet) -> HttpResponseBase:
    """Return chats as one page to be read."""
    pieces = (piece.encode("utf-8", "replace") for piece in write_book(chats))
    return send_file(request, pieces, FORMATS["html"][0], _today("html"))


def _today(ending: str) -> str:
    return f"chats-{timezone.localdate().isoformat()}.{ending}"


def send_chat(request: HttpRequest, chat: Chat, form: str) -> HttpResponseBase:
    """Return a chat as a file. Raises AppError invalid for a format that is none."""
    if form not in FORMATS:
        raise AppError(_("A chat is exported as md, html or json."), code=Code.INVALID)
    content_type, write = FORMATS[form]
    pieces = (piece.encode("utf-8", "replace") for piece in write(chat))
    return send_file(request, pieces, content_type, f"{file_name(chat)}.{form}")


def _imported(request: AuthenticatedRequest) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        raise AppError(_("Choose a file first."), code=Code.INVALID)
    chats = importing.import_file(request.user, file)
    said = ngettext("%(n)d chat is here.", "%(n)d chats are here.", len(chats)) % {"n": len(chats)}
    flashes.success(request, said)
    return redirect(chats[0] if len(chats) == 1 else "chats:home")
