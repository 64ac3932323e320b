"""A job's places in line: for its words on Ollama, for its drawing on ComfyUI."""

from __future__ import annotations

from django.conf import settings

from gpu import arbiter
from imaging.models import ImageJob

THINK, DRAW = "think", "draw"


def think_ticket(job: ImageJob) -> arbiter.Ticket:
    """Return the place in line for the stages of words."""
    return arbiter.Ticket(THINK, job.pk, job.user_id, stage=arbiter.THINK, about=job.kind)


def draw_ticket(job: ImageJob) -> arbiter.Ticket:
    """Return the place in line for all variants."""
    return arbiter.Ticket(
        DRAW,
        job.pk,
        job.user_id,
        service=arbiter.COMFYUI,
        stage=arbiter.DRAW,
        about=f"{settings.COMFYUI_MODEL}:{job.width}x{job.height}:{job.steps}:{job.variants}",
        images=job.variants,
    )


def ticket_of(job: ImageJob) -> arbiter.Ticket:
    """Return the place in line at the stage where the job stands."""
    return think_ticket(job) if job.status in ImageJob.THINKING else draw_ticket(job)


def wanted_words(job_ids: list[int]) -> set[int]:
    """Return which of these jobs still wait for their words."""
    return _waiting(job_ids, ImageJob.THINKING)


def wanted_drawings(job_ids: list[int]) -> set[int]:
    """Return which of these jobs still wait to be drawn."""
    return _waiting(job_ids, ImageJob.DRAWING)


def _waiting(job_ids: list[int], stages: tuple[str, ...]) -> set[int]:
    waiting = ImageJob.objects.unclaimed(*stages).filter(pk__in=job_ids, cancelled_at=None)
    return set(waiting.values_list("pk", flat=True))
