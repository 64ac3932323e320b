"""Short news for the pages that are open: to one person, or to everybody."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction

from live import kinds, log
from live.redis import RedisError, client
from live.tail import SIGNED_OUT

logger = logging.getLogger(__name__)
KEPT = 200  # entries; a page that missed more loads anew
KEPT_SECONDS = 86_400


def register() -> None:
    """Let every signed-in person follow their own events."""
    kinds.register(kinds.Kind("user", lambda user, _identity: kinds.Followed(str(user.pk)), history=False))


def tell_user(user_id: int, type_: str, **data: Any) -> None:
    """Send an event to a person's open pages once the transaction has committed."""
    transaction.on_commit(lambda: tell("user", user_id, type_, **data))


def tell(kind: str, identity: object, type_: str, **data: Any) -> None:
    """Send an event now. News is a courtesy: without Redis it is lost and nothing else is."""
    name = log.stream_key(kind, identity)
    try:
        pipe = client().pipeline(transaction=False)
        pipe.xadd(name, {"f": log.encode({"type": type_, **data})}, maxlen=KEPT, approximate=True)
        pipe.expire(name, KEPT_SECONDS)
        pipe.execute()
    except RedisError as error:
        logger.warning("an event could not be told: %s", error)


def close_sockets(user_id: int) -> None:
    """Have every web process close what a person has open."""
    tell("user", user_id, SIGNED_OUT)
