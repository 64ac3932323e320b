"""The JSON API of chats: list, begin, read, send."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chats import access, attachments, managing, sending
from chats.api.managing import ChangeSerializer, change_chat
from chats.api.serializers import (
    ChatSerializer,
    ChatWithMessagesSerializer,
    MessageSerializer,
    SendSerializer,
    SentSerializer,
)
from chats.models import Chat
from chats.threads import read_thread
from live import log, sse


class AnyAccept(BaseContentNegotiation):
    """Takes `Accept: text/event-stream` as it takes JSON: errors are JSON either way."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        content_type = (request.content_type or "").split(";")[0].strip()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Chats(generics.ListCreateAPIView[Chat]):
    """The caller's chats, newest first; POST begins an empty one."""

    serializer_class = ChatSerializer

    def get_queryset(self) -> Any:
        return Chat.objects.visible_to(self.request.user).order_by("-updated_at", "-pk")

    def perform_create(self, serializer: Any) -> None:
        serializer.save(user=self.request.user, updated_at=timezone.now())


class OneChat(APIView):
    """One chat with its messages."""

    @extend_schema(responses=ChatWithMessagesSerializer)
    def get(self, request: Request, chat_id: int) -> Response:
        chat = access.get_chat(request.user, chat_id)
        thread = read_thread(chat)
        attachments.show_pictures(thread)
        told = ChatSerializer(chat).data
        return Response({**told, "messages": MessageSerializer(thread, many=True).data})

    @extend_schema(request=ChangeSerializer, responses=ChatSerializer)
    def put(self, request: Request, chat_id: int) -> Response:
        """Change the chat; what is left out stays."""
        chat = access.get_chat(request.user, chat_id)
        body = ChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(ChatSerializer(change_chat(chat, body.validated_data)).data)

    @extend_schema(request=ChangeSerializer, responses=ChatSerializer)
    def patch(self, request: Request, chat_id: int) -> Response:
        """Do as PUT does."""
        return self.put(request, chat_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, chat_id: int) -> Response:
        """Put the chat into the bin, where it stays for 30 days."""
        managing.delete_chats(request.user, [access.get_chat(request.user, chat_id).pk])
        return Response(status=204)


class RestoreChat(APIView):
    """Bring a deleted chat back."""

    @extend_schema(request=None, responses=ChatSerializer)
    def post(self, request: Request, chat_id: int) -> Response:
        managing.restore_chats(request.user, [chat_id])
        return Response(ChatSerializer(access.get_chat(request.user, chat_id)).data)


class Messages(APIView):
    """Send a message. The answer is streamed as Server-Sent Events, unless `stream` is false."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        request=SendSerializer,
        responses={
            200: OpenApiResponse(description="text/event-stream: frames of the live log until `end`"),
            201: SentSerializer,
        },
    )
    def post(self, request: Request, chat_id: int) -> HttpResponseBase:
        chat = access.get_chat(request.user, chat_id)
        body = SendSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        sent = sending.send_message(
            chat,
            author=request.user,
            content=wanted["content"],
            model_name=wanted["model"],
            search=wanted["search"],
            client_id=wanted["client_id"] or idempotency_key(request),
            pictures=wanted["image_ids"],
        )
        if not wanted["stream"]:
            attachments.show_pictures([sent.message])
            told = {"chat_id": chat.pk, "message": sent.message, "answer": sent.answer}
            return Response(SentSerializer(told).data, status=201)
        opening = {"type": "sent", "chat": chat.pk, "message": sent.message.pk, "answer": sent.answer.pk}
        return stream_answer(request, sent.answer.pk, opening)


class Events(APIView):
    """Follow an answer from `Last-Event-ID` on; leaving does not stop it."""

    content_negotiation_class = AnyAccept

    @extend_schema(responses={200: OpenApiResponse(description="text/event-stream")})
    def get(self, request: Request, chat_id: int, message_id: int) -> HttpResponseBase:
        answer = access.get_answer(request.user, message_id, chat_id=chat_id)
        if not answer.is_running:
            ended: HttpResponseBase = sse.respond_ended(answer.pk, answer.content, answer.status)
            return ended
        return stream_answer(request, answer.pk, None)


class Stop(APIView):
    """Stop an answer; what was written is kept."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        sending.stop_answer(access.get_answer(request.user, message_id, chat_id=chat_id))
        return Response(status=204)


def stream_answer(request: Request, answer_id: int, opening: dict[str, Any] | None) -> HttpResponseBase:
    """Return the answer\'s events from `Last-Event-ID` on."""
    after = request.headers.get("Last-Event-ID", "")
    response: HttpResponseBase = sse.respond(
        kind="message",
        identity=answer_id,
        after=after if log.is_seq(after) else "",
        user_id=request.user.pk or 0,
        opening=opening,
    )
    return response


def idempotency_key(request: Request) -> UUID | None:
    """Return what the `Idempotency-Key` header says, None when it is no UUID."""
    try:
        return UUID(request.headers.get("Idempotency-Key", ""))
    except ValueError:
        return None
