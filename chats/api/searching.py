"""A question with a web search before its answer, as one call."""

from __future__ import annotations

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import client_id_of, idempotent
from accounts.api.parsing import read_body
from chats import access, sending
from chats.api.answering import finished, stream_sent
from chats.api.serializers import GREATEST_ID, MessageSerializer
from chats.api.views import EVENTS


class SearchChatSerializer(serializers.Serializer[object]):
    """A question. Without `chat_id` a new chat begins; with `stream` the answer comes as it is written."""

    chat_id = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=GREATEST_ID
    )
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
    """A question with a web search."""

    @extend_schema(
        summary="Ask with a web search",
        tags=["messages"],
        request=SearchChatSerializer,
        responses={
            (200, "application/json"): SearchedSerializer,
            **EVENTS,
            202: OpenApiResponse(SearchedSerializer, description="not finished yet: read it from the chat"),
        },
        examples=[OpenApiExample("A question", {"content": "How far is the Moon?"}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> HttpResponseBase:
        """Ask with a web search: answers with the finished message, or streams with `stream`.

        Without a key, or when the search fails, the answer comes from the model alone and says so.
        """
        wanted = read_body(SearchChatSerializer, request)
        chat = access.get_chat(request.user, wanted["chat_id"]) if wanted["chat_id"] else None
        sent = sending.send_message(
            chat,
            author=request.user,
            content=wanted["content"],
            model_name=wanted["model"],
            client_id=wanted["client_id"] or client_id_of(request),
            search="on",
        )
        if wanted["stream"]:
            return stream_sent(request, sent)
        answer = finished(sent.answer)
        return Response(SearchedSerializer(answer).data, status=202 if answer.is_running else 200)
