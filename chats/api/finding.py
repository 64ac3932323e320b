"""The JSON API of the search."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chats.finding import search
from chats.finding.search import FoundChat, FoundMessage
from chats.finding.words import LONGEST_QUERY


class SearchQuerySerializer(serializers.Serializer[Any]):
    """All words must be there; from four letters on a word may go on; words in quotes stand together."""

    q = serializers.CharField(max_length=LONGEST_QUERY)
    before = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="Of a page's `next`."
    )


class FoundChatSerializer(serializers.Serializer[FoundChat]):
    """A chat whose title holds the words; `marked` is HTML, escaped, the words in `<mark>`."""

    chat_id = serializers.IntegerField(source="chat.pk")
    title = serializers.CharField(source="chat.title")
    marked = serializers.CharField(source="title")
    archived = serializers.SerializerMethodField()
    updated_at = serializers.DateTimeField(source="chat.updated_at")
    url = serializers.CharField(source="chat.get_absolute_url")

    def get_archived(self, found: FoundChat) -> bool:
        return found.chat.archived_at is not None


class FoundMessageSerializer(serializers.Serializer[FoundMessage]):
    """A message that holds the words; `snippet` is HTML, escaped, the words in `<mark>`."""

    message_id = serializers.IntegerField(source="message.pk")
    chat_id = serializers.IntegerField(source="message.chat_id")
    title = serializers.CharField(source="message.chat.title")
    archived = serializers.SerializerMethodField()
    role = serializers.CharField(source="message.role", help_text="user or assistant")
    created_at = serializers.DateTimeField(source="message.created_at")
    snippet = serializers.CharField()
    url = serializers.CharField()

    def get_archived(self, found: FoundMessage) -> bool:
        return found.message.chat.archived_at is not None


class FoundSerializer(serializers.Serializer[Any]):
    """A page of what was found; `next` is the address of the next one, null at the end."""

    chats = FoundChatSerializer(many=True)
    results = FoundMessageSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class Search(APIView):
    """Looks for words in all messages and titles of the caller's chats, newest first."""

    @extend_schema(
        summary="Search my chats",
        tags=["chats"],
        parameters=[SearchQuerySerializer],
        responses=FoundSerializer,
    )
    def get(self, request: Request) -> Response:
        """Look for words in all messages and titles, newest first; `next` leads on."""
        asked = SearchQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = search.find(request.user, wanted["q"], before=wanted.get("before"))
        query = urlencode({"q": wanted["q"], "before": found.next})
        following = request.build_absolute_uri(f"{request.path}?{query}") if found.next else None
        told = {"chats": found.chats, "results": found.messages, "next": following}
        return Response(FoundSerializer(told).data)
