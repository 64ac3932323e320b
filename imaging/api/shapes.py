"""Pictures as JSON (DESIGN: `GET /api/image/{message_id}`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch

from imaging.models import GeneratedImage, ImageJob, SourcePicture, StoredFile


def with_images(jobs: Any) -> Any:
    """Return the jobs with what `describe` reads, in a constant number of queries."""
    images = GeneratedImage.objects.filter(deleted_at=None).select_related("file")
    return jobs.select_related("chat", "message", "source__file", "source_image__file").prefetch_related(
        Prefetch("images", images, to_attr="shown")
    )


def image_url(file: StoredFile, variant: str = "original") -> str:
    """Return where a file is served."""
    return f"/media/{file.sha256}/{variant}"


def describe(job: ImageJob) -> dict[str, Any]:
    """Return a job that came through `with_images`."""
    return {
        "message_id": job.message_id,
        "job_id": job.pk,
        "chat_id": job.chat_id,
        "kind": job.kind,
        "status": job.status,
        "stage": job.stage,
        "error_code": job.error_code,
        "error": job.error,
        "notices": job.notice_lines,
        "description": job.description,
        "vision_description": job.vision_text,
        "prompt": job.prompt,
        "negative_prompt": job.negative,
        "settings": job.settings,
        "model": job.model_name,
        "workflow_hash": job.workflow_hash,
        "timings": job.numbers,
        "width": job.width,
        "height": job.height,
        "batch_count": job.variants,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "images": images(job.shown),  # type: ignore[attr-defined]
    }


def described(user: Any, job_id: int) -> dict[str, Any]:
    """Return one of the user's jobs."""
    return describe(with_images(ImageJob.objects.visible_to(user)).get(pk=job_id))


def end(job: ImageJob) -> dict[str, Any]:
    """Return the last event of a job that is over."""
    told = {"kind": "job", "id": job.pk, "type": "end", "status": job.status}
    return {**told, "code": job.error_code} if job.error_code else told


def describe_source(source: SourcePicture) -> dict[str, Any]:
    """Return the message of a picture that was brought along."""
    file = source.file
    told = {"id": source.pk, "width": file.width, "height": file.height, "url": image_url(file)}
    return {
        "message_id": source.message_id,
        "chat_id": source.message.chat_id if source.message else None,
        "kind": "upload",
        "status": "done",
        "description": source.name,
        "images": [{**told, "thumb_url": image_url(file, "768"), "chosen": True}],
    }


def best_of(shown: Sequence[GeneratedImage]) -> GeneratedImage | None:
    """Return the chosen variant, else the first finished one."""
    finished = [image for image in shown if image.file]
    return next((image for image in finished if image.chosen), finished[0] if finished else None)


def images(shown: Sequence[GeneratedImage]) -> list[dict[str, Any]]:
    """Return the finished variants."""
    return [
        {
            "id": image.pk,
            "index": image.index,
            "seed": image.seed,
            "width": image.width,
            "height": image.height,
            "url": image_url(image.file),
            "thumb_url": image_url(image.file, "768"),
            "chosen": image.chosen,
            "seconds": image.numbers.get("seconds"),
        }
        for image in shown
        if image.file
    ]
