"""Numbers that only grow, for Prometheus: kept in Redis, since several processes count.

Counting costs no call: what came together is sent once a second by a thread of the process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

from live.redis import RedisError, client, key

EVERY = 1.0  # seconds

Labels = tuple[str, ...]

_counted: dict[tuple[str, Labels], float] = defaultdict(float)
_lock = threading.Lock()
_threads: list[threading.Thread] = []


def count(name: str, *labels: str, by: float = 1) -> None:
    """Add to a counter. Never fails: what cannot be sent is sent later."""
    with _lock:
        _counted[name, labels] += by
        if not _threads or not _threads[0].is_alive():  # also in a child of a fork
            _threads[:] = [threading.Thread(target=_send_forever, name="counters", daemon=True)]
            _threads[0].start()


def read(name: str) -> dict[Labels, float]:
    """Return a counter's values by their labels. Raises RedisError."""
    return {tuple(field.split("|")): float(value) for field, value in client().hgetall(_key(name)).items()}


def send() -> None:
    """Send what has been counted; what Redis does not take is kept."""
    with _lock:
        taken = dict(_counted)
        _counted.clear()
    if not taken:
        return
    batch = client().pipeline(transaction=False)
    for (name, labels), value in taken.items():
        batch.hincrbyfloat(_key(name), "|".join(labels), value)
    try:
        batch.execute()
    except RedisError:
        with _lock:
            for counted, value in taken.items():
                _counted[counted] += value


def _key(name: str) -> str:
    return key("counted", name)


def _send_forever() -> None:
    while True:
        time.sleep(EVERY)
        with contextlib.suppress(RedisError):
            send()
