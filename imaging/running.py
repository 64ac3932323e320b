"""One job while a worker has it: its claim on the row, its line in the log, its fenced writes.

Every write carries the claim. A worker that was stopped past its lease and woken holds a
claim that the row has no more, so it writes nothing.
"""

from __future__ import annotations

import enum
import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from imaging import ending
from imaging.models import GeneratedImage, ImageJob
from imaging.pulse import pulse
from live.scribe import scribe

logger = logging.getLogger(__name__)
SAVE_TRIES = 8  # with growing waits, about 30 s in all
Answer = TypeVar("Answer")
Status = ImageJob.Status


class End(enum.Enum):
    """Why a worker shall let go of a job."""

    CANCELLED = "its person wants it no more"
    LOST = "the lease or the row is another's by now"
    LEAVING = "this worker is asked to go"


class EndedError(Exception):
    """The job is not this worker's to go on with; `Running.ends_as` says why."""


def claim_job(job_id: int, stages: tuple[str, ...], token: int) -> Running | None:
    """Return the job as this worker's own; None when another has it or nobody wants it.

    `token` is the lease's: a lease that was granted before the row's last one takes nothing.
    """
    claim, now = secrets.token_hex(16), timezone.now()
    stale = Q(heartbeat_at__lt=now - timedelta(seconds=settings.ANSWER_STALE))
    free = ImageJob.objects.filter(Q(claim=None) | stale, pk=job_id, status__in=stages, token__lt=token)
    taken = free.filter(cancelled_at=None).update(
        claim=claim, token=token, heartbeat_at=now, attempts=F("attempts") + 1
    )
    if not taken:
        return None
    ImageJob.objects.filter(pk=job_id, started_at=None).update(started_at=now)
    job = ImageJob.objects.select_related("user", "workflow", "source__file", "source_image__file").get(
        pk=job_id
    )
    return Running(job, claim)


class Running:
    """A job in the hands of this worker. Any thread may call `end_as`."""

    def __init__(self, job: ImageJob, claim: str) -> None:
        self.job, self.job_id, self.claim = job, job.pk, claim
        self.line = scribe().open("job", job.pk)
        self.ends_as: End | None = None
        self.ended = threading.Event()
        self._hang_up: Callable[[], None] | None = None
        self._lock = threading.Lock()
        pulse().watch(self)

    def listen_to(self, hang_up: Callable[[], None]) -> None:
        """Have `hang_up` called when the job shall end, at once if it is to end already."""
        with self._lock:
            self._hang_up = hang_up
            if self.ends_as:
                hang_up()

    def end_as(self, end: End) -> None:
        """Let go of the job now; the first reason counts."""
        with self._lock:
            if self.ends_as is None:
                self.ends_as = end
                self.ended.set()
                if self._hang_up:
                    self._hang_up()

    def check(self) -> None:
        """Raise EndedError when the job is not to be gone on with."""
        if self.ends_as:
            raise EndedError(self.ends_as)

    def rest(self, seconds: float) -> None:
        """Sleep, unless the job shall end. Raises EndedError."""
        self.ended.wait(seconds)
        self.check()

    # Writes, all fenced

    def save(self, **changes: Any) -> None:
        """Write to the job's row. Raises EndedError when it is another's."""
        if not persist(lambda: ImageJob.objects.held_by(self.claim).update(**changes)):
            self.end_as(End.LOST)
            raise EndedError(End.LOST)
        for name, value in changes.items():
            setattr(self.job, name, value)

    def move_to(self, status: Status, **results: Any) -> None:
        """Store what a stage has made and begin the next one, in one statement. Raises EndedError."""
        self.save(status=status, attempts=0, **results)
        self.line.tell("status", status=status.value)

    def save_image(self, image: GeneratedImage, **changes: Any) -> None:
        """Write to a variant's row. Raises EndedError when the job is another's."""
        mine = GeneratedImage.objects.held_by(self.claim).filter(pk=image.pk)
        if not persist(lambda: mine.update(**changes)):
            self.end_as(End.LOST)
            raise EndedError(End.LOST)
        for name, value in changes.items():
            setattr(image, name, value)

    def note(self, *codes: str) -> list[str]:
        """Return the job's notices with these added, each once."""
        return list(dict.fromkeys([*self.job.notices, *codes]))

    # Ends

    def hand_on(self, status: Status, **results: Any) -> bool:
        """Leave the job at a stage for somebody else; False when it is another's already."""
        pulse().forget(self)
        free = {"claim": None, "heartbeat_at": None, "sent_at": timezone.now()}
        changes = {"status": status, "attempts": 0, **free, **results}
        left = persist(lambda: ImageJob.objects.held_by(self.claim).update(**changes))
        if left:
            self.line.tell("status", status=status.value)
        self.line.leave()
        return bool(left)

    def give_back(self) -> bool:
        """Leave the job where it stands, to be gone on with; False when it is another's already."""
        pulse().forget(self)
        self.line.leave()
        free = {"claim": None, "heartbeat_at": None, "sent_at": timezone.now()}
        return bool(persist(lambda: ImageJob.objects.held_by(self.claim).update(**free)))

    def finish(self, status: Status, *, code: str = "", about: dict[str, Any] | None = None) -> None:
        """Make the row final, and its message with it. The claim decides: another's row stays as it is."""
        pulse().forget(self)
        mine = ImageJob.objects.held_by(self.claim)

        def write() -> bool:
            with transaction.atomic():
                return ending.end_job(self.job, mine, status, code=code, about=about or {})

        if persist(write):
            self.line.end(status=status.value, **({"code": code} if code else {}))
        else:
            self.line.leave()


def persist(write: Callable[[], Answer]) -> Answer:
    """Return what `write` answers, tried again while the database is busy or away. Raises DatabaseError."""
    for attempt in range(SAVE_TRIES - 1):
        try:
            return write()
        except DatabaseError:
            logger.warning("a picture's row could not be written, trying again", exc_info=True)
            connection.close()
            time.sleep(min(8.0, 0.25 * 2**attempt))
    return write()
