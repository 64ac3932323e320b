"""A question with a web search before its answer, as one call."""

from __future__ import annotations

import time

from django.db import connection
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chats import access, sending
from chats.api.serializers import MessageSerializer
from chats.api.views import AnyAccept, idempotency_key, stream_answer
from chats.models import Message

LONGEST = 600.0  # seconds that a call waits for the finished answer; after that it is read from the chat
LOOK_EVERY = 0.2  # seconds between two looks at the row


class SearchChatSerializer(serializers.Serializer[object]):
    """A question. Without `chat_id` a new chat begins; with `stream` the answer comes as it is written."""

    chat_id = serializers.IntegerField(required=False, allow_null=True, default=None)
    content = serializers.CharField(trim_whitespace=False)
    model = serializers.CharField(required=False, allow_blank=True, max_length=190, default="")
    stream = serializers.BooleanField(required=False, default=False)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class SearchedSerializer(MessageSerializer):
    """The finished answer with its `sources`; `notices` say why there was no search, if there was none."""

    chat_id = serializers.IntegerField()
    notices = serializers.ListField(child=serializers.CharField())

    class Meta(MessageSerializer.Meta):
        fields = (*MessageSerializer.Meta.fields, "chat_id", "notices")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class SearchChat(APIView):
    """Ask with a web search: answers with the finished message, or streams with `stream`.

    Without a key, or when the search fails, the answer comes from the model alone and says so.
    """

    content_negotiation_class = AnyAccept

    @extend_schema(
        request=SearchChatSerializer,
        responses={
            200: OpenApiResponse(SearchedSerializer, description="with `stream`: text/event-stream"),
            202: OpenApiResponse(SearchedSerializer, description="not finished yet: read it from the chat"),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        body = SearchChatSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        chat = access.get_chat(request.user, wanted["chat_id"]) if wanted["chat_id"] else None
        sent = sending.send_message(
            chat,
            author=request.user,
            content=wanted["content"],
            model_name=wanted["model"],
            client_id=wanted["client_id"] or idempotency_key(request),
            search="on",
        )
        if wanted["stream"]:
            opening = {
                "type": "sent",
                "chat": sent.chat.pk,
                "message": sent.message.pk,
                "answer": sent.answer.pk,
            }
            return stream_answer(request, sent.answer.pk, opening)
        answer = _finished(sent.answer)
        return Response(SearchedSerializer(answer).data, status=202 if answer.is_running else 200)


def _finished(answer: Message) -> Message:
    """Return the answer as it is when it has ended, or when waiting has."""
    until = time.monotonic() + LONGEST
    while answer.is_running and time.monotonic() < until:
        connection.close()  # the wait is long, and a connection is dear
        time.sleep(LOOK_EVERY)
        answer.refresh_from_db()
    return answer
