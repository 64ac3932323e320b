"""The version of a chat, so that no change is made to one that has changed in the meantime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.errors import AppError, Code
from chats import access
from chats.models import Chat, Message

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the chat as you know it: 412 `stale` when it is not like that any more.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=True, description="The chat's version, for `If-Match`."
)


def etag_of(chat: Chat) -> str:
    """Return what changes with the chat's settings and with each message that comes, ends or is edited."""
    thread = Message.objects.filter(chat=chat, deleted_at=None).order_by("pk")
    state = [
        chat.title, chat.model_name, chat.system_prompt, chat.options, chat.pinned_at, chat.archived_at,
        chat.leaf_id, list(thread.values_list("pk", "status", "edited_at")),
    ]  # fmt: skip
    said = json.dumps(state, cls=DjangoJSONEncoder, sort_keys=True)
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


@contextmanager
def held(request: Request, chat_id: int) -> Iterator[Chat]:
    """Yield the caller's chat for a change, as the `If-Match` header knows it.

    Raises AppError (not_found, stale). Nobody else changes it until the block ends.
    """
    with transaction.atomic():
        chat = access.get_chat(request.user, chat_id)
        given = request.headers.get("If-Match", "*")
        if given.strip() != "*":
            chat = Chat.objects.select_for_update().get(pk=chat.pk)
            if etag_of(chat) not in parse_etags(given):
                raise AppError(code=Code.STALE)
        yield chat
