"""Downloading a model, with progress that pages can follow."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from gpu import snapshot
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live import kinds, log
from live.events import tell
from live.redis import client, key

logger = logging.getLogger(__name__)

NAME = re.compile(r"[\w.:/-]{1,190}")
TELL_EVERY = 0.5  # seconds between two progress events
HELD = 60  # seconds that a silent download keeps others from starting the same


def find_followed(user: Any, name: str) -> kinds.Followed | None:
    """Return the download that an admin may follow."""
    return kinds.Followed(name) if user.is_admin and NAME.fullmatch(name) else None


def check_name(name: str) -> str:
    """Return a model's name as Ollama takes it. Raises AppError."""
    if not NAME.fullmatch(name):
        raise AppError(_("This is no model name."), code=Code.INVALID)
    return name


def pull_model(name: str) -> None:
    """Download a model through Ollama; the same one only once at a time."""
    held = key("pulling", name)
    if not client().set(held, "1", nx=True, ex=HELD):
        return
    client().delete(log.stream_key("pull", name))
    try:
        for progress in _told_now_and_then(Ollama(snapshot.look_now().url).pull(name)):
            client().expire(held, HELD)
            tell("pull", name, "pull", **progress)
        snapshot.refresh()
        tell("pull", name, "pull", status="success", done=True)
    except ServiceError as error:
        logger.warning("pulling %s: %s", name, error)
        tell("pull", name, "pull", error=str(error)[:300])
    finally:
        client().delete(held)


def _told_now_and_then(events: Any) -> Any:
    told_at, status = 0.0, None
    for event in events:
        now = time.monotonic()
        if event.get("status") != status or now - told_at >= TELL_EVERY:
            told_at, status = now, event.get("status")
            yield {name: event[name] for name in ("status", "total", "completed") if name in event}
