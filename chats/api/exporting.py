"""The JSON API of exports and imports."""

from __future__ import annotations

import io
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import idempotent
from accounts.errors import AppError, Code
from chats import access, importing
from chats.api.serializers import ChatSerializer
from chats.export_views import FORMATS, send_chat

FOR_READING = ("text/markdown", "text/html")


class WholeBody(BaseParser):
    """Keeps the body as it is: what is in it, the import checks itself."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return {"body": stream.read(importing.MOST_TEXT + 1)}


class ExportChat(APIView):
    """One chat as a file: `json` imports back whole, `md` and `html` are for reading.

    JSON has the whole tree with its branches and pictures; Markdown and HTML have the chat as it stands.
    """

    @extend_schema(
        summary="Export a chat",
        tags=["chats"],
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=sorted(FORMATS), default="json")],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            **{(200, kind): OpenApiTypes.BINARY for kind in FOR_READING},
        },
    )
    def get(self, request: Request, chat_id: int) -> HttpResponseBase:
        chat = access.get_chat(request.user, chat_id)
        return send_chat(request._request, chat, request.query_params.get("format", "json"))


class ImportSerializer(serializers.Serializer[Any]):
    """A JSON or a zip that this app has exported; JSON may also be the body itself."""

    file = serializers.FileField()


class ImportChats(APIView):
    """Brings the chats of an export to the caller as new ones: all of them, or none."""

    parser_classes = [MultiPartParser, WholeBody]

    @extend_schema(
        summary="Import chats",
        tags=["chats"],
        request={"multipart/form-data": ImportSerializer, "application/json": OpenApiTypes.OBJECT},
        responses={201: ChatSerializer(many=True)},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        sent: Any = request.data
        file = sent.get("file") or io.BytesIO(sent.get("body") or b"")
        if not hasattr(file, "read"):
            raise AppError(_("Send an export in the field “file”."), code=Code.INVALID)
        chats = importing.import_file(request.user, file)
        return Response(ChatSerializer(chats, many=True).data, status=201)
