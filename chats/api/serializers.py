"""Chats and messages as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from chats import attachments
from chats.attachments import Picture
from chats.forms import MOST_PICTURES
from chats.models import Chat, Message

GREATEST_ID = 2**62


class PictureSerializer(serializers.Serializer[Picture]):
    """A picture beside a message; sizes in pixels."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    name = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    """A message; `error` is a sentence in the caller's language. Give it its pictures before."""

    parent_id = serializers.IntegerField(read_only=True, allow_null=True)
    model = serializers.CharField(source="model_name", read_only=True)
    error = serializers.CharField(read_only=True)
    images = PictureSerializer(many=True, read_only=True, source="pictures")

    class Meta:
        model = Message
        fields = (
            "id", "parent_id", "role", "kind", "status", "content", "thinking", "model", "error_code",
            "error", "images", "sources", "numbers", "created_at", "finished_at",
            "edited_at",
        )  # fmt: skip
        read_only_fields = fields


def told_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages with their pictures, in a constant number of queries."""
    attachments.show_pictures(messages)
    attachments.show_drawn(messages)
    return list(MessageSerializer(messages, many=True).data)


def told_message(message: Message) -> dict[str, Any]:
    """Return one message with its pictures."""
    return told_messages([message])[0]


class ChatSerializer(serializers.ModelSerializer[Chat]):
    """A chat in a list; `model` answers in it, an empty one is chosen by the app."""

    model = serializers.CharField(source="model_name", required=False, allow_blank=True, max_length=190)

    class Meta:
        model = Chat
        fields = (
            "id", "title", "model", "system_prompt", "options", "unread", "pinned_at", "archived_at",
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
    """A message to send. `image_ids` are the `image_id`s of uploads; with them `content` may be empty."""

    content = serializers.CharField(trim_whitespace=False, allow_blank=True)
    image_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=GREATEST_ID),
        required=False,
        default=list,
        max_length=MOST_PICTURES,
    )
    model = serializers.CharField(required=False, allow_blank=True, max_length=190, default="")
    search = SearchField(required=False, default="")
    stream = serializers.BooleanField(required=False, default=False)
    wait = serializers.BooleanField(required=False, default=False)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class EventSerializer(serializers.Serializer[object]):
    """A Server-Sent Event: a frame of the live log. `Last-Event-ID` with its `id` goes on after it."""

    id = serializers.CharField(required=False)
    event = serializers.CharField(required=False, help_text="The frame's type: text, status, end...")
    data = serializers.CharField(required=False, help_text="The frame as JSON.")  # type: ignore[assignment]


class SentSerializer(serializers.Serializer[object]):
    """What a send has made."""

    chat_id = serializers.IntegerField()
    message = MessageSerializer()
    answer = MessageSerializer()
