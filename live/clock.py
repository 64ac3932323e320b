"""Work that repeats, run by the `upkeep` worker itself (docs/decisions/0004).

A beat would only enqueue, survive a kill -9 of its parent and cost a process. Every
chore is idempotent, so two clocks at once do no harm.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections

logger = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to do each so many seconds."""

    name: str
    every: Callable[[], float]
    run: Callable[[], object]


_chores: list[Chore] = []


def add(name: str, every: Callable[[], float], run: Callable[[], object]) -> None:
    """Have `run` called each `every()` seconds; called from AppConfig.ready."""
    _chores.append(Chore(name, every, run))


def start() -> None:
    """Start one thread a chore, so that a slow look at a service delays no sweep."""
    for chore in _chores:
        threading.Thread(target=_repeat, args=(chore,), name=f"clock-{chore.name}", daemon=True).start()


def _repeat(chore: Chore) -> None:
    while True:
        try:
            chore.run()
        except Exception:  # whatever a chore meets, the next round may do better
            logger.exception("%s failed and is tried again", chore.name)
        finally:
            close_old_connections()
        time.sleep(chore.every())
