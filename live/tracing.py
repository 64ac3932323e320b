"""One id for all that a request sets off: in the web process, in the worker, at the engine.

A place in line may be granted minutes later and by another process, so the id is kept beside the work.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from live.redis import RedisError, client, key

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
KEPT = 24 * 3600  # seconds; longer than anybody waits in line
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the id of the request that this code works for, "" where there is none."""
    return _current.get()


def headers() -> dict[str, str]:
    """Return what tells a service the id, {} where there is none."""
    return {HEADER: current()} if current() else {}


def choose(given: str) -> str:
    """Return the id that a client or a proxy has given, or a new one where it is no id."""
    return given if GIVEN.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def under(request_id: str) -> Iterator[None]:
    """Work for that request within the block."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def keep(work: str) -> None:
    """Remember whose request has set this work off; the first one counts."""
    if not current():
        return
    try:
        client().set(key("request", work), current(), ex=KEPT, nx=True)
    except RedisError as error:
        logger.info("the request of %s is not remembered: %s", work, error)


def of(work: str) -> str:
    """Return the request that has set this work off, else the current one."""
    try:
        return client().get(key("request", work)) or current()
    except RedisError:
        return current()
