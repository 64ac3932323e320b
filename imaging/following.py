"""Who may follow a picture on the socket, and cancel it there."""

from __future__ import annotations

from typing import Any

from accounts.errors import AppError
from chats.forms import read_id
from imaging import access, ordering
from imaging.models import ImageJob
from live.kinds import Followed


def find(user: Any, identity: str) -> Followed | None:
    """Return the job's log; with its end when it is over. None for a stranger."""
    number = read_id(identity)
    if number is None:
        return None
    row = ImageJob.objects.visible_to(user).filter(pk=number).values_list("status", "error_code").first()
    if row is None:
        return None
    status, code = row
    over = {"status": status, **({"code": code} if code else {})} if status in ImageJob.FINAL else None
    return Followed(identity, over)


def stop(user: Any, identity: str) -> None:
    """Cancel the user's picture; a stranger's is left alone without a word."""
    number = read_id(identity)
    if number is not None:
        try:
            ordering.cancel_job(access.get_job(user, number))
        except AppError:
            return
