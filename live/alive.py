"""Each worker's sign of life, which /readyz looks at."""

from __future__ import annotations

import contextlib
import threading
import time

from live.redis import RedisError, client, key

EVERY = 3.0  # seconds
KEPT = 12  # seconds


def keep_saying(name: str) -> None:
    """Say that the worker `name` is alive until the process ends."""
    threading.Thread(target=_say_forever, args=(name,), name="alive", daemon=True).start()


def _say_forever(name: str) -> None:
    while True:
        with contextlib.suppress(RedisError):
            client().set(key("alive", name), "1", ex=KEPT)
        time.sleep(EVERY)


def is_alive(name: str) -> bool:
    """Return whether a worker of that name has spoken lately. Raises RedisError."""
    return bool(client().exists(key("alive", name)))
