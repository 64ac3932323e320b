"""Chats as JSON that `chats.importing` brings back whole: the tree, and what stands beside its messages.

Messages are numbered by their place in the file, parents first; no id of a row leaves the house.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from chats import luggage
from chats.luggage import Packing
from chats.models import Chat, Message
from chats.threads import Tree, read_tree

FORMAT, VERSION = "ollama-chat", 1
CHAT_FIELDS = (
    "title", "titled_by", "model_name", "system_prompt", "options", "draft", "created_at", "updated_at",
    "pinned_at", "archived_at",
)  # fmt: skip
MESSAGE_FIELDS = (
    "role", "kind", "status", "content", "thinking", "model_name", "error_code", "error_about", "numbers",
    "search", "sources", "created_at", "started_at", "finished_at", "edited_at",
)  # fmt: skip
AT_ONCE = 50  # messages in memory


@dataclass(frozen=True)
class Place:
    """A living message's place in the file: its number from 1 on, and its parent's, None for a root."""

    ref: int
    parent: int | None


def pack_inside(data: bytes, content_type: str) -> dict[str, str]:
    """Return a picture as JSON holds it."""
    return {"content_type": content_type, "data": base64.b64encode(data).decode("ascii")}


def write_json(chats: Iterable[Chat], packing: Packing = pack_inside) -> Iterator[str]:
    """Yield the document piece by piece."""
    head = {"format": FORMAT, "version": VERSION, "exported_at": _plain(timezone.now())}
    yield f"{_dumped(head)[:-1]}, {_dumped('chats')}: ["
    for at, chat in enumerate(chats):
        yield ",\n" if at else "\n"
        yield from _write_chat(chat, packing)
    yield "\n]}\n"


def places(tree: Tree) -> dict[int, Place]:
    """Return each living message's place by its id, parents before children, siblings in their order."""
    found: dict[int, Place] = {}
    waiting: list[tuple[int, int | None]] = [(root, None) for root in reversed(tree.children(None))]
    while waiting:
        identity, parent = waiting.pop()
        if identity in found:
            continue
        found[identity] = Place(len(found) + 1, parent)
        waiting += [(child, found[identity].ref) for child in reversed(tree.children(identity))]
    return found


def read_messages(chat: Chat, identities: Sequence[int]) -> Iterator[list[Message]]:
    """Yield these messages in this order, some at once."""
    for start in range(0, len(identities), AT_ONCE):
        wanted = identities[start : start + AT_ONCE]
        by_id = Message.objects.filter(chat=chat).in_bulk(wanted)
        yield [by_id[identity] for identity in wanted if identity in by_id]


def _write_chat(chat: Chat, packing: Packing) -> Iterator[str]:
    tree = read_tree(chat)
    where = places(tree)
    way = tree.way(chat.leaf_id)
    told = {name: _plain(getattr(chat, name)) for name in CHAT_FIELDS}
    told["leaf"] = where[way[-1]].ref if way else None
    yield f"{_dumped(told)[:-1]}, {_dumped('messages')}: ["
    first = True
    for messages in read_messages(chat, list(where)):
        parts = luggage.pack(messages, packing)
        for message in messages:
            yield "\n" if first else ",\n"
            yield _dumped(_tell(message, where[message.pk], parts.get(message.pk)))
            first = False
    yield "]}"


def _tell(message: Message, place: Place, parts: dict[str, Any] | None) -> dict[str, Any]:
    told = {name: _plain(getattr(message, name)) for name in MESSAGE_FIELDS}
    if message.is_running:
        told["status"] = Message.Status.STOPPED.value
    return {"ref": place.ref, "parent": place.parent, **told, **({"parts": parts} if parts else {})}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
