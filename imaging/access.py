"""Who may: one getter a thing. A stranger's row is not there, never forbidden."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from imaging.models import GeneratedImage, ImageJob, MessagePicture, SourcePicture, StoredFile


def get_job(user: Any, job_id: int) -> ImageJob:
    """Return the user's job. Raises AppError not_found."""
    job = ImageJob.objects.visible_to(user).select_related("chat", "message").filter(pk=job_id).first()
    if job is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return job


def get_job_of_message(user: Any, message_id: int) -> ImageJob:
    """Return the job of the user's picture message. Raises AppError not_found."""
    found = ImageJob.objects.visible_to(user).select_related("chat", "message")
    job = found.filter(message_id=message_id).first()
    if job is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return job


def get_image(user: Any, image_id: int) -> GeneratedImage:
    """Return the user's variant. Raises AppError not_found."""
    found = GeneratedImage.objects.visible_to(user).select_related("job__chat", "file")
    image = found.filter(pk=image_id).first()
    if image is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return image


def get_source(user: Any, source_id: int) -> SourcePicture:
    """Return a picture that the user brought along. Raises AppError not_found."""
    source = SourcePicture.objects.visible_to(user).select_related("file").filter(pk=source_id).first()
    if source is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return source


def get_shown_source(user: Any, source_id: int) -> SourcePicture:
    """Return an upload that the user has, or still sees beside a message. Raises AppError not_found."""
    beside = MessagePicture.objects.visible_to(user).filter(source=source_id)
    found = SourcePicture.objects.select_related("file").filter(pk=source_id)
    source = found.filter(Q(user_id=user.pk, deleted_at=None) | Q(beside__in=beside)).first()
    if source is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return source


def get_file(user: Any, sha256: str) -> StoredFile:
    """Return a file that something of the user's refers to. Raises AppError not_found."""
    file = StoredFile.objects.visible_to(user).filter(sha256=sha256).first()
    if file is None:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return file


def best_image(job: ImageJob) -> GeneratedImage | None:
    """Return the job's chosen variant, else its first finished one, None when there is none."""
    finished = job.images.finished().filter(deleted_at=None).select_related("file")
    return finished.order_by("-chosen", "index").first()
