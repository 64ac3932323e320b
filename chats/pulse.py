"""One thread a worker that watches over all of its answers: stop flags, checkpoints, heartbeats.

Every 200 ms it looks for wishes to stop, at most each ANSWER_CHECKPOINT seconds it
saves what has been said since, all answers in one transaction, and each
ANSWER_HEARTBEAT seconds it says that they are alive.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.utils import timezone

from chats import stopping
from chats.models import Message
from live.redis import RedisError

if TYPE_CHECKING:
    from chats.running import Running

logger = logging.getLogger(__name__)
LOOK_EVERY = 0.2  # seconds


class Pulse:
    """The watching thread; it sleeps while nothing runs."""

    def __init__(self) -> None:
        self._running: dict[int, Running] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._draining = threading.Event()
        self._saved_at = self._beaten_at = 0.0
        self._thread: threading.Thread | None = None

    def watch(self, running: Running) -> None:
        """Watch over an answer until `forget`."""
        with self._lock:
            self._running[running.message_id] = running
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat_forever, name="pulse", daemon=True)
                self._thread.start()
        self._some.set()
        if self._draining.is_set():
            running.end_as(Message.Status.INTERRUPTED)

    def forget(self, running: Running) -> None:
        with self._lock:
            self._running.pop(running.message_id, None)
            if not self._running:
                self._some.clear()

    @property
    def draining(self) -> bool:
        """Whether this process is about to end."""
        return self._draining.is_set()

    def drain(self) -> None:
        """End every answer as interrupted: the worker is asked to go. Safe in a signal handler."""
        self._draining.set()
        self._some.set()

    def _beat_forever(self) -> None:
        while True:
            if not self._some.is_set():
                connection.close()  # hours may pass, and the server would close it by then
            self._some.wait()
            answers = self._snapshot()
            if self._draining.is_set():
                for running in answers:
                    running.end_as(Message.Status.INTERRUPTED)
            try:
                self._look(answers)
            except Exception:  # the watch must outlive whatever it meets
                logger.exception("the watch over running answers met an error")
                close_old_connections()
            time.sleep(LOOK_EVERY)

    def _snapshot(self) -> list[Running]:
        with self._lock:
            return list(self._running.values())

    def _look(self, answers: list[Running]) -> None:
        if not answers:
            return
        self._stop_flagged(answers)
        now = time.monotonic()
        try:
            if now - self._saved_at >= settings.ANSWER_CHECKPOINT:
                self._saved_at = now
                self._save(answers)
            if now - self._beaten_at >= settings.ANSWER_HEARTBEAT:
                self._beaten_at = now
                self._beat(answers)
        except DatabaseError as error:
            logger.warning("running answers could not be saved, trying again: %s", error)
            connection.close()

    def _stop_flagged(self, answers: list[Running]) -> None:
        try:
            flagged = stopping.read_flags([running.message_id for running in answers])
        except RedisError:
            return  # the next look finds the flag
        for running in answers:
            if running.message_id in flagged:
                running.end_as(Message.Status.STOPPED)

    def _save(self, answers: list[Running]) -> None:
        with transaction.atomic():
            for running in answers:
                running.save_progress()

    def _beat(self, answers: list[Running]) -> None:
        claims = [running.claim for running in answers]
        Message.objects.filter(claim__in=claims, status=Message.Status.STREAMING).update(
            heartbeat_at=timezone.now()
        )


@cache
def pulse() -> Pulse:
    """Return this process's pulse."""
    return Pulse()
