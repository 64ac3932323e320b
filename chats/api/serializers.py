"""Chats and messages as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chats.attachments import Picture
from chats.forms import MOST_PICTURES
from chats.models import Chat, Message


class PictureSerializer(serializers.Serializer[Picture]):
    """A picture beside a message; sizes in pixels."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    name = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    """A message; `error` is a sentence in the caller's language. Give it its pictures before."""

    error = serializers.CharField(read_only=True)
    images = PictureSerializer(many=True, read_only=True, source="pictures")

    class Meta:
        model = Message
        fields = (
            "id", "parent", "role", "kind", "status", "content", "thinking", "model_name", "error_code",
            "error", "images", "sources", "numbers", "created_at", "finished_at",
            "edited_at",
        )  # fmt: skip
        read_only_fields = fields


class ChatSerializer(serializers.ModelSerializer[Chat]):
    """A chat in a list."""

    class Meta:
        model = Chat
        fields = (
            "id", "title", "model_name", "system_prompt", "options", "unread", "pinned_at", "archived_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "options", "unread", "pinned_at", "archived_at", "created_at", "updated_at")


class ChatWithMessagesSerializer(ChatSerializer):
    """A chat with its thread, from the first message to where it stands."""

    messages = MessageSerializer(many=True, read_only=True, source="thread")

    class Meta(ChatSerializer.Meta):
        fields = (*ChatSerializer.Meta.fields, "messages")  # type: ignore[assignment]


class SearchField(serializers.ChoiceField):
    """Whether to search the web first: true or "on", false or "", "auto" lets the model decide."""

    def __init__(self, **options: Any) -> None:
        super().__init__(["", "on", "auto"], **options)

    def to_internal_value(self, data: Any) -> Any:
        """Return "", "on" or "auto"."""
        return {True: "on", False: ""}[data] if isinstance(data, bool) else super().to_internal_value(data)


class SendSerializer(serializers.Serializer[object]):
    """A message to send. `stream` false answers at once; the answer is then read from the chat.

    `image_ids` are the `source_id`s of uploads; with them `content` may be empty.
    """

    content = serializers.CharField(trim_whitespace=False, allow_blank=True)
    image_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, default=list, max_length=MOST_PICTURES
    )
    model = serializers.CharField(required=False, allow_blank=True, max_length=190, default="")
    search = SearchField(required=False, default="")
    stream = serializers.BooleanField(required=False, default=True)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class SentSerializer(serializers.Serializer[object]):
    """What a send has made."""

    chat_id = serializers.IntegerField()
    message = MessageSerializer()
    answer = MessageSerializer()
