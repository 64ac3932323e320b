"""The way from a chat's first message to where it stands, through the tree."""

from __future__ import annotations

from chats.models import Chat, Message


def read_thread(chat: Chat, *, upto: Message | None = None) -> list[Message]:
    """Return the messages from the root to `upto` (else the chat's leaf), in two queries at most."""
    leaf_id = upto.pk if upto else chat.leaf_id
    by_id = {message.pk: message for message in chat.messages.filter(deleted_at=None)}
    thread: list[Message] = []
    message = by_id.get(leaf_id or 0)
    while message is not None:
        thread.append(message)
        message = by_id.pop(message.parent_id or 0, None)
    return thread[::-1]
