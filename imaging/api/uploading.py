"""Bringing a picture along: for scripts, and for the composer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import idempotent
from accounts.api.parsing import read_body
from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from chats import access as chats_access
from imaging import sources
from imaging.api.serializers import UploadedSerializer, UploadSerializer


class Upload(APIView):
    """A picture to be changed."""

    parser_classes = [MultiPartParser, FormParser]

    @extend_schema(
        summary="Bring a picture along",
        tags=["pictures"],
        request={"multipart/form-data": UploadSerializer},
        responses={201: UploadedSerializer},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Keep a picture to be changed, as a message in a chat, a new one without `chat_id`.

        An order names it by `message_id` as its `reference_image_id`, or by `source_id`; a message
        takes it along by its `image_id`.
        """
        chat_id = read_body(UploadSerializer, request)["chat_id"]
        data, name = _sent(request.FILES)
        chat = chats_access.get_chat(request.user, chat_id) if chat_id else None
        return Response(sources.describe(sources.add_to_chat(request.user, chat, data, name)), status=201)


@require_POST
@login_required
def upload(request: AuthenticatedRequest) -> HttpResponse:
    """Keep a picture that somebody put into the composer."""
    return JsonResponse(sources.describe(sources.add_source(request.user, *_sent(request.FILES))), status=201)


def _sent(files: Any) -> tuple[bytes, str]:
    """Return the file's bytes and name. Raises AppError."""
    sent = files.get("file") or files.get("image")
    if sent is None:
        raise AppError(_("Send a picture in the field “file”."), code=Code.INVALID)
    # One byte past the limit is enough to see that it is too large, whatever else was sent.
    return sent.read(settings.IMAGE_MAX_BYTES_UPLOAD + 1), sent.name or ""
