"""Who may: one getter a thing. A stranger's row is not there, never forbidden."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats.models import Chat, Message


def get_chat(user: Any, chat_id: int) -> Chat:
    """Return the user's chat. Raises AppError not_found."""
    chat = Chat.objects.visible_to(user).filter(pk=chat_id).first()
    if chat is None:
        raise AppError(_("There is no such chat."), code=Code.NOT_FOUND)
    return chat


def get_message(user: Any, message_id: int, *, chat_id: int | None = None) -> Message:
    """Return a message of the user's. Raises AppError not_found."""
    found = Message.objects.visible_to(user).select_related("chat").filter(pk=message_id)
    message = (found if chat_id is None else found.filter(chat_id=chat_id)).first()
    if message is None:
        raise AppError(_("There is no such message."), code=Code.NOT_FOUND)
    return message


def get_deleted_message(user: Any, message_id: int, *, chat_id: int) -> Message:
    """Return a deleted message of one of the user's chats. Raises AppError not_found."""
    mine = Chat.objects.visible_to(user).filter(pk=chat_id)
    gone = Message.objects.select_related("chat").filter(pk=message_id, chat__in=mine)
    message = gone.exclude(deleted_at=None).first()
    if message is None:
        raise AppError(_("There is no such message."), code=Code.NOT_FOUND)
    return message


def get_answer(user: Any, message_id: int, *, chat_id: int | None = None) -> Message:
    """Return an answer of one of the user's chats. Raises AppError not_found."""
    message = get_message(user, message_id, chat_id=chat_id)
    if not message.is_answer:
        raise AppError(_("There is no such message."), code=Code.NOT_FOUND)
    return message
