"""What people do with pictures in a conversation, and the files for those who may see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, HttpResponseNotModified, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from accounts.api.permissions import by_header_too
from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest, wants_json
from accounts.models import ApiKey
from chats import access as chats_access
from chats import editing, managing, pages
from chats.forms import read_id, read_send
from imaging import access, ordering, parts, storage
from imaging.models import GeneratedImage, ImageJob, SourcePicture

FOREVER = "private, max-age=31536000, immutable"


@require_POST
@login_required
def order(request: AuthenticatedRequest) -> HttpResponse:
    """Order a picture from the composer's words, in a chat or in a new one."""
    sent = read_send(request.POST)
    chat_id = read_id(request.POST.get("chat"))
    chat = None if chat_id is None else chats_access.get_chat(request.user, chat_id)
    if chat:
        chat = editing.stand_as_seen(chat, read_id(request.POST.get("seen")))
    source = _source(request)
    width, height = (None, None) if source else _size(request.POST)
    job = ordering.order_picture(
        request.user,
        chat,
        sent["content"],
        width=width,
        height=height,
        variants=_number(request.POST.get("variants", "1")),
        seed=request.POST.get("seed", ""),
        source=source,
        strength=request.POST.get("strength", "") if source else "",
        prompt_first="prompt_first" in request.POST,
        client_id=sent["client_id"],
    )
    managing.forget_draft(request.user, chat)
    return _ordered(request, job)


@require_safe
@login_required
def setup(request: AuthenticatedRequest) -> HttpResponse:
    """Show what is still missing before pictures can be drawn; nothing when all is there."""
    return render(request, "imaging/_setup.html", {"tool": parts.setup()})


@require_POST
@login_required
def again(request: AuthenticatedRequest, job_id: int) -> HttpResponse:
    """Draw the same once more, with new seeds, or from the prompt as the person has changed it."""
    prompt = request.POST.get("prompt", "").strip()
    return _ordered(request, ordering.draw_again(access.get_job(request.user, job_id), prompt=prompt))


@require_POST
@login_required
def approve(request: AuthenticatedRequest, job_id: int) -> HttpResponse:
    """Let a picture that waits for its person's word be drawn, as they have changed it."""
    job = access.get_job(request.user, job_id)
    chosen = {name: request.POST.get(name) or None for name in ("denoise", "steps")}
    if chosen["steps"] == str(job.steps):
        chosen["steps"] = None  # as it was offered: nobody's own word
    ordering.approve_prompt(job, prompt=request.POST.get("prompt", ""), chosen=chosen)
    return _done(request, job)


@require_POST
@login_required
def rethink(request: AuthenticatedRequest, job_id: int) -> HttpResponse:
    """Have the prompt written anew from what the person says that the picture shows."""
    job = access.get_job(request.user, job_id)
    ordering.rethink(job, vision=request.POST.get("vision", ""))
    return _done(request, job)


@require_POST
@login_required
def vary(request: AuthenticatedRequest, image_id: int) -> HttpResponse:
    """Draw variations of a finished variant."""
    return _ordered(request, ordering.vary_image(access.get_image(request.user, image_id)))


@require_POST
@login_required
def cancel(request: AuthenticatedRequest, job_id: int) -> HttpResponse:
    """Cancel a picture; finished variants are kept."""
    job = access.get_job(request.user, job_id)
    ordering.cancel_job(job)
    return _done(request, job)


def _done(request: AuthenticatedRequest, job: ImageJob) -> HttpResponse:
    return HttpResponse(status=204) if wants_json(request) else redirect(job.chat)


def _ordered(request: AuthenticatedRequest, job: ImageJob) -> HttpResponse:
    if not wants_json(request):
        return redirect(job.chat)
    picture = job.message
    shown: list[Any] = [picture.parent, picture] if picture.parent else [picture]
    return JsonResponse(pages.told(request, "chats/_turn.html", job.chat, *shown))


def _source(request: AuthenticatedRequest) -> SourcePicture | GeneratedImage | None:
    """Return the picture to start from: one that was brought along, or one that was drawn here."""
    if source := request.POST.get("source", ""):
        return access.get_source(request.user, _number(source))
    if image := request.POST.get("source_image", ""):
        return access.get_image(request.user, _number(image))
    return None


def _size(sent: QueryDict) -> tuple[int | None, int | None]:
    """Return width and height: of "832x1216", of two numbers for "free", none where nothing is said."""
    text = sent.get("size", "")
    if not text:
        return None, None
    if text == "free":
        return _number(sent.get("width", "")), _number(sent.get("height", ""))
    width, _by, height = text.partition("x")
    return _number(width), _number(height)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise AppError(_("This is no number: %(text)s") % {"text": text[:40]}, code=Code.INVALID)
    return int(text)


@require_safe
@by_header_too(ApiKey.Scope.PICTURES)
@login_required
def media(request: AuthenticatedRequest, sha256: str, variant: str) -> HttpResponseBase:
    """Answer a picture or one of its thumbnails; what a hash names never changes."""
    file = access.get_file(request.user, sha256)
    etag = f'"{sha256}-{variant}"'
    if request.headers.get("If-None-Match") == etag:
        return _kept(HttpResponseNotModified(), etag)
    try:
        path = storage.path(file) if variant == "original" else storage.thumb(file, int(variant))
        response = _sent(path, _type(file.content_type, variant))
    except FileNotFoundError:
        raise AppError(code=Code.GONE) from None
    if variant == "original":
        name = f"picture-{sha256[:8]}.{storage.EXTENSIONS[file.content_type]}"
        response["Content-Disposition"] = f'inline; filename="{name}"'
    return _kept(response, etag)


def _sent(path: Path, content_type: str) -> HttpResponse | FileResponse:
    """Return the file, or nginx's order to send it in our place. Raises FileNotFoundError."""
    if not settings.MEDIA_ACCEL:
        return FileResponse(path.open("rb"), content_type=content_type)
    path.stat()
    place = f"{settings.MEDIA_ACCEL.rstrip('/')}/{path.relative_to(settings.IMAGE_STORAGE_PATH)}"
    return HttpResponse(content_type=content_type, headers={"X-Accel-Redirect": place})


def _type(content_type: str, variant: str) -> str:
    return content_type if variant == "original" else "image/webp"


def _kept(response: HttpResponse | FileResponse, etag: str) -> HttpResponse | FileResponse:
    response["ETag"] = etag
    response["Cache-Control"] = FOREVER
    response["X-Content-Type-Options"] = "nosniff"
    return response
