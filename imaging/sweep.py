"""What no worker looks after: jobs left behind go back in line at their stage, old files are cleared away."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from gpu import arbiter, endpoints, snapshot
from gpu.services.comfyui import ComfyUI
from gpu.services.errors import ServiceError
from imaging import ending, ordering, storage, thinking
from imaging.models import GeneratedImage, ImageJob, PictureDescription, SourcePicture, StoredFile
from imaging.tickets import ticket_of

logger = logging.getLogger(__name__)
Status = ImageJob.Status
MOST_ATTEMPTS = 5  # at one stage: a job that kills its workers must not do so for ever
KEPT_DELETED = timedelta(days=30)
YOUNG = timedelta(hours=1)  # a file may be stored a moment before the row that refers to it
ORPHANS_EVERY = 6 * 3600.0  # seconds
WAITING = (*ImageJob.THINKING, *ImageJob.DRAWING)
RUNNING = (*WAITING, Status.REVIEWING)


def sweep() -> None:
    """Do all that must not wait; idempotent, so any number of processes may sweep. Raises RedisError."""
    take_back()
    cancel_deleted()
    end_cancelled()
    go_without_words()
    send_again()


def take_back() -> None:
    """Free the jobs whose worker was not heard for too long, each where it stands."""
    before = timezone.now() - timedelta(seconds=settings.ANSWER_STALE)
    for job in ImageJob.objects.filter(status__in=WAITING, heartbeat_at__lt=before).exclude(claim=None):
        mine = ImageJob.objects.held_by(job.claim or "").filter(heartbeat_at__lt=before)
        if job.attempts >= MOST_ATTEMPTS:
            _give_up(job, mine)
        elif mine.update(claim=None, heartbeat_at=None, sent_at=timezone.now()):
            logger.warning("picture %s was left behind by its worker at %s", job.pk, job.status)
            if job.cancelled_at is None:
                arbiter.enqueue(ticket_of(job))


def _give_up(job: ImageJob, mine: QuerySet[ImageJob]) -> None:
    with transaction.atomic():
        ended = ending.end_job(job, mine, Status.FAILED, code="worker_lost")
    if ended:
        _take_back_prompts(job)
        logger.error("picture %s lost its worker %s times and is given up", job.pk, job.attempts)
        ordering.tell_end(job, Status.FAILED, "worker_lost")


def cancel_deleted() -> None:
    """Cancel the jobs that were ordered, or went on, while their chat or message was deleted."""
    gone = ~Q(message__deleted_at=None) | ~Q(chat__deleted_at=None)
    for job in ImageJob.objects.filter(gone, status__in=RUNNING, cancelled_at=None):
        ordering.cancel_job(job)


def end_cancelled() -> None:
    """End the cancelled jobs that no worker has, once what ComfyUI has of them is taken back."""
    for job in ImageJob.objects.unclaimed(*RUNNING).exclude(cancelled_at=None):
        _take_back_prompts(job)
        with transaction.atomic():
            ended = ending.end_job(job, ImageJob.objects.filter(claim=None), Status.CANCELLED)
        if ended:
            ordering.tell_end(job, Status.CANCELLED)


def _take_back_prompts(job: ImageJob) -> None:
    try:
        for image in job.images.sent():
            ComfyUI(endpoints.find_comfyui().url).cancel(str(image.prompt_id))
    except ServiceError as error:
        logger.warning("a prompt that nobody waits for could not be taken back from ComfyUI: %s", error)


def go_without_words() -> None:
    """Let the jobs be drawn from the person's own words while there is no language model to be asked."""
    notice = thinking.why_not(snapshot.read())
    if not notice:
        return
    for job in ImageJob.objects.unclaimed(*ImageJob.THINKING).filter(cancelled_at=None):
        mine = ImageJob.objects.filter(pk=job.pk, status=job.status, claim=None, sent_at=job.sent_at)
        results = thinking.without_a_model(job, notice)
        if mine.update(**results, sent_at=timezone.now()):
            logger.warning("picture %s goes on without a language model", job.pk)
            arbiter.cancel("think", job.pk)
            job.refresh_from_db()
            if job.status == Status.WAITING:
                arbiter.enqueue(ticket_of(job))


def send_again() -> None:
    """Put the tickets of unclaimed jobs in line again: Redis may have lost them."""
    before = timezone.now() - timedelta(seconds=settings.ANSWER_UNCLAIMED)
    lost = list(ImageJob.objects.unclaimed(*WAITING).filter(sent_at__lt=before, cancelled_at=None))
    if not lost:
        return
    card = arbiter.read()
    known = card.rows("think") | card.rows("draw")
    for job in lost:
        mine = ImageJob.objects.filter(pk=job.pk, status=job.status, sent_at=job.sent_at, claim=None)
        if job.pk not in known and mine.update(sent_at=timezone.now()):
            logger.warning("picture %s was never claimed and is sent again", job.pk)
            arbiter.enqueue(ticket_of(job))


def clear_files() -> None:
    """Remove what was deleted or has been of no use for 30 days, and files that nothing refers to."""
    long_ago = timezone.now() - KEPT_DELETED
    GeneratedImage.objects.filter(deleted_at__lt=long_ago).delete()
    gone = Q(message__deleted_at__lt=long_ago) | Q(chat__deleted_at__lt=long_ago)
    ImageJob.objects.filter(gone).delete()
    unseen = Q(message__deleted_at__lt=long_ago) | Q(message__chat__deleted_at__lt=long_ago)
    SourcePicture.objects.filter(unseen, beside=None).delete()
    SourcePicture.objects.filter(deleted_at__lt=long_ago, beside=None).delete()
    SourcePicture.objects.unused().filter(created_at__lt=long_ago).delete()
    young = timezone.now() - YOUNG
    for file in StoredFile.objects.orphans().filter(created_at__lt=young):
        storage.remove(file)
    known = StoredFile.objects.filter(sha256=OuterRef("sha256"))
    PictureDescription.objects.filter(~Exists(known), created_at__lt=young).delete()
    if strays := storage.remove_strays(young):
        logger.info("%s files that no row knew are removed", strays)
