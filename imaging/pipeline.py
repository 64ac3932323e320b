"""A picture's two tasks: from the granted ticket through its stages to the row that they leave."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gpu import arbiter
from gpu.services import errors
from gpu.services.wire import HungUpError
from imaging import drawing, thinking
from imaging.failing import PictureError, translate
from imaging.models import ImageJob
from imaging.running import End, EndedError, Running, claim_job
from imaging.tickets import ticket_of

logger = logging.getLogger(__name__)
Status = ImageJob.Status
Work = Callable[[Running, arbiter.Held], None]


def think(job_id: int, lease_id: str) -> None:
    """Do a job's stages of words under the lease; returns quietly when somebody else does."""
    with arbiter.hold(lease_id) as lease:
        if lease is not None:
            lease.used = 0
            _work(claim_job(job_id, ImageJob.THINKING, lease.token), lease, thinking.think)


def draw(job_id: int, lease_id: str) -> None:
    """Draw a job's variants under the lease; returns quietly when somebody else does."""
    with arbiter.hold(lease_id) as lease:
        if lease is None:
            return
        running = claim_job(job_id, ImageJob.DRAWING, lease.token)
        if running is None:
            lease.used = 0
        _work(running, lease, drawing.draw)


def _work(running: Running | None, lease: arbiter.Held, work: Work) -> None:
    if running is None:
        return
    lease.on_loss(lambda: running.end_as(End.LOST))
    try:
        work(running, lease)
        lease.complete = True
    except (EndedError, HungUpError, arbiter.LeaseLostError):
        _let_go(running)
    except PictureError as error:
        running.finish(Status.FAILED, code=error.code, about=error.about)
    except errors.ServiceError as error:
        logger.warning("picture %s: %s: %s", running.job_id, error.code, error)
        told = translate(error)
        running.finish(Status.FAILED, code=told.code, about=told.about)
    except Exception:  # a row must never be left running
        logger.exception("picture %s met an unforeseen error", running.job_id)
        running.finish(Status.FAILED, code="unexpected")


def _let_go(running: Running) -> None:
    """End what was cancelled; what this worker may not go on with waits for the card again."""
    if running.ends_as == End.CANCELLED:
        running.finish(Status.CANCELLED)
    elif running.give_back():
        arbiter.enqueue(ticket_of(running.job))
