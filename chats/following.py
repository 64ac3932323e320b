"""Who may follow an answer on the socket, and stop it there."""

from __future__ import annotations

from typing import Any

from accounts.errors import AppError
from chats import access, sending
from chats.forms import read_id
from chats.models import Message
from live.kinds import Followed


def find(user: Any, identity: str) -> Followed | None:
    """Return the answer's log; with its end when it is over. None for a stranger."""
    number = read_id(identity)
    if number is None:
        return None
    found = Message.objects.visible_to(user).filter(pk=number, role=Message.Role.ASSISTANT)
    row = found.values_list("status", "error_code").first()
    if row is None:
        return None
    status, code = row
    over = None if status in Message.RUNNING else {"status": status, **({"code": code} if code else {})}
    return Followed(identity, over)


def stop(user: Any, identity: str) -> None:
    """Stop the user's answer; a stranger's is left alone without a word."""
    number = read_id(identity)
    if number is not None:
        try:
            sending.stop_answer(access.get_answer(user, number))
        except AppError:
            return
