"""One thread a worker that watches over its jobs: wishes to cancel, lost claims, heartbeats."""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from imaging.models import ImageJob

if TYPE_CHECKING:
    from imaging.running import Running

logger = logging.getLogger(__name__)
LOOK_EVERY = 0.2  # seconds


class Pulse:
    """The watching thread; it sleeps while nothing runs."""

    def __init__(self) -> None:
        self._running: dict[int, Running] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._draining = threading.Event()
        self._beaten_at = 0.0
        self._thread: threading.Thread | None = None

    def watch(self, running: Running) -> None:
        """Watch over a job until `forget`."""
        with self._lock:
            self._running[running.job_id] = running
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat_forever, name="pulse", daemon=True)
                self._thread.start()
        self._some.set()
        if self._draining.is_set():
            self._leave([running])

    def forget(self, running: Running) -> None:
        """Stop watching."""
        with self._lock:
            if self._running.get(running.job_id) is running:
                del self._running[running.job_id]
            if not self._running:
                self._some.clear()

    def drain(self) -> None:
        """Let go of every job: the worker is asked to go. Safe in a signal handler."""
        self._draining.set()
        self._some.set()

    def _beat_forever(self) -> None:
        while True:
            if not self._some.is_set():
                connection.close()  # hours may pass, and the server would close it by then
            self._some.wait()
            with self._lock:
                jobs = list(self._running.values())
            if self._draining.is_set():
                self._leave(jobs)
            try:
                self._look(jobs)
            except DatabaseError as error:
                logger.warning("running pictures could not be looked at, trying again: %s", error)
                connection.close()
            except Exception:  # the watch must outlive whatever it meets
                logger.exception("the watch over running pictures met an error")
                close_old_connections()
            time.sleep(LOOK_EVERY)

    def _leave(self, jobs: list[Running]) -> None:
        from imaging.running import End

        for running in jobs:
            running.end_as(End.LEAVING)

    def _look(self, jobs: list[Running]) -> None:
        from imaging.running import End

        if not jobs:
            return
        held = ImageJob.objects.filter(claim__in=[running.claim for running in jobs])
        cancelled = dict(held.values_list("claim", "cancelled_at"))
        for running in jobs:
            if cancelled.get(running.claim):
                running.end_as(End.CANCELLED)
            elif running.claim not in cancelled and self._is_watched(running):
                running.end_as(End.LOST)
        if time.monotonic() - self._beaten_at >= settings.ANSWER_HEARTBEAT:
            self._beaten_at = time.monotonic()
            held.update(heartbeat_at=timezone.now())

    def _is_watched(self, running: Running) -> bool:
        """Return whether the job is still in work here: its claim ends with its work."""
        with self._lock:
            return self._running.get(running.job_id) is running


@cache
def pulse() -> Pulse:
    """Return this process's pulse."""
    return Pulse()
