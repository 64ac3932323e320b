"""Taking chats away as files, and bringing them back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from chats import access, importing, pages
from chats.exporting.archive import file_name, write_zip
from chats.exporting.document import write_json
from chats.exporting.reading import write_html, write_markdown
from chats.models import Chat, ChatQuerySet

FORMATS = {
    "md": ("text/markdown; charset=utf-8", write_markdown),
    "html": ("text/html; charset=utf-8", write_html),
    "json": ("application/json", lambda chat: write_json([chat])),
}
PIECE = 64 * 1024  # bytes that go out together at least


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
    """Answer all of the person's chats as one zip."""
    return send_zip(request, Chat.objects.visible_to(request.user).order_by("pk"))


def send_zip(request: HttpRequest, chats: ChatQuerySet) -> HttpResponseBase:
    """Return chats as one zip."""
    name = f"chats-{timezone.localdate().isoformat()}.zip"
    return send_file(request, write_zip(chats.iterator(chunk_size=100)), "application/zip", name)


def send_chat(request: HttpRequest, chat: Chat, form: str) -> HttpResponseBase:
    """Return a chat as a file. Raises AppError invalid for a format that is none."""
    if form not in FORMATS:
        raise AppError(_("A chat is exported as md, html or json."), code=Code.INVALID)
    content_type, write = FORMATS[form]
    pieces = (piece.encode("utf-8", "replace") for piece in write(chat))
    return send_file(request, pieces, content_type, f"{file_name(chat)}.{form}")


def send_file(
    request: HttpRequest, pieces: Iterator[bytes], content_type: str, name: str
) -> HttpResponseBase:
    """Return a file that is made while it is sent."""
    larger = _gathered(pieces)
    body: Any = _later(larger) if hasattr(request, "scope") else larger
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _imported(request: AuthenticatedRequest) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        raise AppError(_("Choose a file first."), code=Code.INVALID)
    chats = importing.import_file(request.user, file)
    said = ngettext("%(n)d chat is here.", "%(n)d chats are here.", len(chats)) % {"n": len(chats)}
    flashes.success(request, said)
    return redirect(chats[0] if len(chats) == 1 else "chats:home")


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in fewer pieces: each costs a change of threads."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


async def _later(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what a thread makes; under ASGI an ordinary iterator would be read whole first."""
    take = sync_to_async(lambda: next(pieces, None))
    while (piece := await take()) is not None:
        yield piece
