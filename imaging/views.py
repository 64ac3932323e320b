"""Picture files, for those who may see something that refers to them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from imaging import access, storage

FOREVER = "private, max-age=31536000, immutable"


@require_safe
@login_required
def media(request: AuthenticatedRequest, sha256: str, variant: str) -> HttpResponseBase:
    """Answer a picture or one of its thumbnails; what a hash names never changes."""
    file = access.get_file(request.user, sha256)
    etag = f'"{sha256}-{variant}"'
    if request.headers.get("If-None-Match") == etag:
        return _kept(HttpResponseNotModified(), etag)
    try:
        path = storage.path(file) if variant == "original" else storage.thumb(file, int(variant))
        response = FileResponse(path.open("rb"), content_type=_type(file.content_type, variant))
    except FileNotFoundError:
        raise AppError(code=Code.GONE) from None
    if variant == "original":
        name = f"picture-{sha256[:8]}.{storage.EXTENSIONS[file.content_type]}"
        response["Content-Disposition"] = f'inline; filename="{name}"'
    return _kept(response, etag)


def _type(content_type: str, variant: str) -> str:
    return content_type if variant == "original" else "image/webp"


def _kept(response: HttpResponse | FileResponse, etag: str) -> HttpResponse | FileResponse:
    response["ETag"] = etag
    response["Cache-Control"] = FOREVER
    response["X-Content-Type-Options"] = "nosniff"
    return response
