"""The JSON API of chats: list, begin, read, send."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import client_id_of, idempotent
from accounts.api.pagination import Pages, paged
from accounts.api.parsing import read_body
from chats import access, attachments, managing, sending
from chats.api.answering import finished, stream_answer, stream_sent
from chats.api.managing import ChangeSerializer, change_chat
from chats.api.serializers import (
    ChatSerializer,
    ChatWithMessagesSerializer,
    EventSerializer,
    MessageSerializer,
    SendSerializer,
    SentSerializer,
    told_messages,
)
from chats.api.versions import ETAG, IF_MATCH, etag_of, held
from chats.models import Chat
from chats.threads import read_messages, read_thread, read_tree
from live import sse

EVENTS = {(200, "text/event-stream"): OpenApiResponse(EventSerializer, "until the event `end`")}


class Chats(generics.ListAPIView[Chat]):
    """The caller's chats."""

    serializer_class = ChatSerializer

    def get_queryset(self) -> Any:
        return Chat.objects.visible_to(self.request.user).order_by("-updated_at", "-pk")

    @extend_schema(summary="My chats", tags=["chats"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the caller's chats, newest first, the archived ones too."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Begin a chat",
        tags=["chats"],
        request=ChatSerializer,
        responses={201: ChatSerializer},
        examples=[OpenApiExample("Empty", {}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Begin an empty chat; its title comes from the first message unless it has one."""
        given = ChatSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        chat = managing.begin_chat(request.user, **given.validated_data)
        return Response(ChatSerializer(chat).data, status=201)


class OneChat(APIView):
    """One chat."""

    @extend_schema(
        summary="A chat with its messages",
        tags=["chats"],
        parameters=[ETAG],
        responses=ChatWithMessagesSerializer,
    )
    def get(self, request: Request, chat_id: int) -> Response:
        """Read a chat with the messages of the branch on which it stands; `ETag` is its version."""
        chat = access.get_chat(request.user, chat_id)
        told = {**ChatSerializer(chat).data, "messages": told_messages(read_thread(chat))}
        return Response(told, headers={"ETag": etag_of(chat)})

    @extend_schema(
        summary="Change a chat",
        tags=["chats"],
        parameters=[IF_MATCH, ETAG],
        request=ChangeSerializer,
        responses=ChatSerializer,
        examples=[OpenApiExample("A title", {"title": "Moons", "pinned": True}, request_only=True)],
    )
    def put(self, request: Request, chat_id: int) -> Response:
        """Change the chat; what is left out stays."""
        with held(request, chat_id) as chat:
            change_chat(chat, read_body(ChangeSerializer, request))
        return Response(ChatSerializer(chat).data, headers={"ETag": etag_of(chat)})

    @extend_schema(
        summary="Change a chat, as PUT does",
        tags=["chats"],
        parameters=[IF_MATCH, ETAG],
        request=ChangeSerializer,
        responses=ChatSerializer,
    )
    def patch(self, request: Request, chat_id: int) -> Response:
        """Do as PUT does."""
        return self.put(request, chat_id)

    @extend_schema(summary="Delete a chat", tags=["chats"], parameters=[IF_MATCH], responses={204: None})
    def delete(self, request: Request, chat_id: int) -> Response:
        """Put the chat into the bin, where it stays for 30 days."""
        with held(request, chat_id) as chat:
            managing.delete_chats(request.user, [chat.pk])
        return Response(status=204)


class RestoreChat(APIView):
    """A deleted chat."""

    @extend_schema(
        summary="Bring a deleted chat back", tags=["chats"], request=None, responses=ChatSerializer
    )
    def post(self, request: Request, chat_id: int) -> Response:
        """Bring a deleted chat back."""
        managing.restore_chats(request.user, [chat_id])
        return Response(ChatSerializer(access.get_chat(request.user, chat_id)).data)


class Messages(APIView):
    """The messages of a chat."""

    @extend_schema(
        operation_id="api_chats_messages_list",
        summary="The messages of a chat, in pages",
        tags=["messages"],
        parameters=Pages.parameters,
        responses=paged(MessageSerializer),
    )
    def get(self, request: Request, chat_id: int) -> Response:
        """List the messages of the branch on which the chat stands, oldest first."""
        chat = access.get_chat(request.user, chat_id)
        tree = read_tree(chat)
        pages = Pages()
        page: list[int] = pages.paginate_queryset(tree.way(chat.leaf_id), request, view=self) or []
        return pages.get_paginated_response(told_messages(read_messages(chat, tree, page)))

    @extend_schema(
        summary="Send a message",
        tags=["messages"],
        request=SendSerializer,
        responses={201: SentSerializer, **EVENTS},
        examples=[
            OpenApiExample("A question", {"content": "Why is the sky blue?"}, request_only=True),
            OpenApiExample(
                "Streamed, after a web search",
                {"content": "How far is the Moon?", "search": True, "stream": True},
                request_only=True,
            ),
        ],
    )
    @idempotent()
    def post(self, request: Request, chat_id: int) -> HttpResponseBase:
        """Send a message and have it answered.

        Answers at once with what it has made; with `wait` when the answer has ended, with `stream` as
        Server-Sent Events while it is written. Leaving a stream does not stop the answer.
        """
        chat = access.get_chat(request.user, chat_id)
        wanted = read_body(SendSerializer, request)
        sent = sending.send_message(
            chat,
            author=request.user,
            content=wanted["content"],
            model_name=wanted["model"],
            search=wanted["search"],
            client_id=wanted["client_id"] or client_id_of(request),
            pictures=wanted["image_ids"],
        )
        if wanted["stream"]:
            return stream_sent(request, sent)
        if wanted["wait"]:
            finished(sent.answer)
        attachments.show_pictures([sent.message])
        told = {"chat_id": sent.chat.pk, "message": sent.message, "answer": sent.answer}
        return Response(SentSerializer(told).data, status=201)


class Events(APIView):
    """What happens to an answer."""

    @extend_schema(summary="Follow an answer", tags=["messages"], responses=EVENTS)
    def get(self, request: Request, chat_id: int, message_id: int) -> HttpResponseBase:
        """Follow an answer as Server-Sent Events from `Last-Event-ID` on; leaving does not stop it."""
        answer = access.get_answer(request.user, message_id, chat_id=chat_id)
        if not answer.is_running:
            ended: HttpResponseBase = sse.respond_ended(answer.pk, answer.content, answer.status)
            return ended
        return stream_answer(request, answer.pk, None)


class Stop(APIView):
    """The end of an answer."""

    @extend_schema(summary="Stop an answer", tags=["messages"], request=None, responses={204: None})
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        """Stop an answer; what was written is kept."""
        sending.stop_answer(access.get_answer(request.user, message_id, chat_id=chat_id))
        return Response(status=204)
