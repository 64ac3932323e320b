"""Downloading a model, with progress that pages can follow, and that an admin can cancel."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from gpu import snapshot
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama, Pull
from gpu.services.wire import HungUpError
from live import kinds, log
from live.events import tell
from live.redis import RedisError, client, key

logger = logging.getLogger(__name__)

NAME = re.compile(r"[\w.:/-]{1,190}")
TELL_EVERY = 0.5  # seconds between two progress events
LOOK_EVERY = 0.2  # seconds between two looks whether it is cancelled
HELD = 60  # seconds that a download whose worker has died keeps others from starting the same
REPORTED = ("status", "total", "completed")


@dataclass(frozen=True)
class Progress:
    """A download as pages show it; bytes of the part that is on its way. `at` in seconds since the epoch."""

    name: str
    status: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""
    at: float = 0.0
    cut_off: bool = False

    @property
    def runs(self) -> bool:
        """Whether it is on its way, or soon."""
        return not (self.error or self.cut_off)

    @property
    def total_gb(self) -> float:
        return round(self.total / snapshot.GIGA, 1)

    @property
    def completed_gb(self) -> float:
        return round(self.completed / snapshot.GIGA, 1)


def find_followed(user: Any, name: str) -> kinds.Followed | None:
    """Return the download that an admin may follow."""
    return kinds.Followed(name) if user.is_admin and NAME.fullmatch(name) else None


def check_name(name: str) -> str:
    """Return a model's name as Ollama takes it. Raises AppError."""
    if not NAME.fullmatch(name):
        raise AppError(_("This is no model name."), code=Code.INVALID)
    return name


def read_all() -> list[Progress]:
    """Return the downloads that run or have failed, in the order of their names. Raises RedisError."""
    kept = client().hgetall(key("pulls"))
    return [_read(name, told) for name, told in sorted(kept.items())]


def _read(name: str, told: str) -> Progress:
    known = Progress(**{**json.loads(told), "name": name})
    silent = time.time() - known.at > HELD and not client().exists(key("pulling", name))
    return Progress(**{**asdict(known), "cut_off": silent and known.runs})


def note(name: str, **progress: Any) -> None:
    """Keep how far a download is, for pages that are opened later. Raises RedisError."""
    kept = Progress(name, at=time.time(), **progress)
    client().hset(key("pulls"), name, json.dumps(asdict(kept)))


def forget(name: str) -> None:
    """Have pages show the download no more. Raises RedisError."""
    client().hdel(key("pulls"), name)


def cancel(name: str) -> None:
    """Have the worker hang up; one that runs no more is forgotten. Raises RedisError."""
    if client().exists(key("pulling", name)):
        client().set(key("pull-cancelled", name), "1", ex=HELD)
    else:
        forget(name)
        tell_pages()


def tell_pages() -> None:
    """Have open pages look at the models again."""
    tell("models", "all", "models", state=snapshot.read().state)


def pull_model(name: str) -> None:
    """Download a model through Ollama; the same one only once at a time. Raises RedisError."""
    held = key("pulling", name)
    if not client().set(held, "1", nx=True, ex=HELD):
        return
    client().delete(log.stream_key("pull", name), key("pull-cancelled", name))
    note(name)
    tell_pages()
    try:
        _download(name)
        forget(name)
        snapshot.refresh()
        tell("pull", name, "pull", status="success", done=True)
    except HungUpError:
        forget(name)
        tell("pull", name, "pull", cancelled=True)
    except ServiceError as error:
        logger.warning("pulling %s: %s", name, error)
        note(name, error=str(error)[:300])
        tell("pull", name, "pull", error=str(error)[:300])
    finally:
        client().delete(held)
        tell_pages()


def _download(name: str) -> None:
    download = Ollama(snapshot.look_now().url).pull(name)
    with _watched(name, download):
        for progress in _told_now_and_then(download):
            note(name, **progress)
            tell("pull", name, "pull", **progress)


@contextmanager
def _watched(name: str, download: Pull) -> Iterator[None]:
    """Hang up when an admin cancels; meanwhile the download stays ours, however long Ollama is silent."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(name, download, over), name="pull", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(name: str, download: Pull, over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY):
        try:
            client().expire(key("pulling", name), HELD)
            if client().exists(key("pull-cancelled", name)):
                download.hang_up()
                return
        except RedisError as error:
            logger.warning("whether %s is cancelled is not known: %s", name, error)


def _told_now_and_then(events: Any) -> Any:
    told_at, status = 0.0, None
    for event in events:
        now = time.monotonic()
        if event.get("status") != status or now - told_at >= TELL_EVERY:
            told_at, status = now, event.get("status")
            yield {name: event[name] for name in REPORTED if name in event}
