"""Whole chats for scripts: change, delete, bring back."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chats import managing, options
from chats.models import Chat


class ChangeSerializer(serializers.Serializer[object]):
    """What a script may change of a chat; what is left out stays."""

    title = serializers.CharField(required=False, max_length=120)
    model = serializers.CharField(required=False, max_length=190)
    pinned = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)
    system_prompt = serializers.CharField(required=False, allow_blank=True)
    options = serializers.DictField(required=False)


def change_chat(chat: Chat, wanted: dict[str, Any]) -> Chat:
    """Change what is named in `wanted`, as the serializer has read it. Raises AppError invalid."""
    changes: dict[str, Any] = {}
    if "system_prompt" in wanted:
        changes["system_prompt"] = options.read_system(wanted["system_prompt"])
    if "options" in wanted:
        changes["options"] = options.read(wanted["options"])
    if "model" in wanted:
        changes["model_name"] = wanted["model"]
    if changes:
        Chat.objects.filter(pk=chat.pk).update(**changes)
    if "title" in wanted:
        managing.rename_chat(chat, title=wanted["title"])
    if "pinned" in wanted:
        managing.pin_chat(chat, pinned=wanted["pinned"])
    if "archived" in wanted:
        managing.archive_chats(chat.user, [chat.pk], archived=wanted["archived"])
    chat.refresh_from_db()
    return chat
