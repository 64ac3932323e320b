"""A picture's copy in another chat: its own rows, the same files."""

from __future__ import annotations

from chats.models import Message
from imaging.models import GeneratedImage, ImageJob


def copy_job(original: Message, copy: Message) -> None:
    """Give the copy of a picture's message a job of its own; what is not drawn yet is not drawn there."""
    job = ImageJob.objects.filter(message=original).first()
    if job is None:
        return
    images = list(job.images.filter(status=GeneratedImage.Status.DONE, deleted_at=None))
    job.pk, job._state.adding = None, True
    job.chat, job.message = copy.chat, copy
    job.client_id, job.claim, job.heartbeat_at = None, None, None
    if not job.is_final:
        job.status = ImageJob.Status.CANCELLED
    job.save(force_insert=True)
    for image in images:
        image.pk, image._state.adding, image.job = None, True, job
        image.prompt_id = GeneratedImage._meta.get_field("prompt_id").get_default()
    GeneratedImage.objects.bulk_create(images)
