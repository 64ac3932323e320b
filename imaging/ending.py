"""The end of a job, whoever ends it: its row, its message and its chat in one transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts import limits
from chats import managing
from chats.models import Chat, Message
from imaging.models import ImageJob
from live import counters
from live.events import tell_user

MESSAGES = {
    ImageJob.Status.DONE: Message.Status.COMPLETE,
    ImageJob.Status.FAILED: Message.Status.FAILED,
    ImageJob.Status.CANCELLED: Message.Status.STOPPED,
}


def end_job(
    job: ImageJob,
    among: QuerySet[ImageJob],
    status: ImageJob.Status,
    *,
    code: str = "",
    about: dict[str, Any] | None = None,
) -> bool:
    """Make `job` final if it is still `among` those rows; answers whether it was. Needs a transaction."""
    now = timezone.now()
    ended = among.filter(pk=job.pk).update(
        status=status,
        error_code=code,
        error_about=about or {},
        claim=None,
        heartbeat_at=None,
        finished_at=now,
    )
    if not ended:
        return False
    Message.objects.filter(pk=job.message_id).update(
        status=MESSAGES[status],
        content=as_words(job) if status == ImageJob.Status.DONE else "",
        html="",
        model_name=job.model_name,
        finished_at=now,
    )
    Chat.objects.filter(pk=job.chat_id).update(updated_at=now)
    counters.count("pictures", status.value)
    _give_back_what_was_not_drawn(job)
    _tell(job, status)
    return True


def _give_back_what_was_not_drawn(job: ImageJob) -> None:
    missing = job.variants - job.images.finished().count()
    if missing > 0:
        limits.note(job.user_id, limits.PICTURES, -missing)


def _tell(job: ImageJob, status: ImageJob.Status) -> None:
    """Say that the list has changed; what ends by itself is news, what is called off is none."""
    if status != ImageJob.Status.CANCELLED:
        managing.tell_ended(job.message, MESSAGES[status].value)
    else:
        tell_user(job.user_id, "chats")


def as_words(job: ImageJob) -> str:
    """Return what a language model is shown of a picture in a conversation."""
    return f"[picture: {job.prompt or job.description}]"
