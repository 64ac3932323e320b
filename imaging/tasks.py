"""Celery's entries: thin."""

from __future__ import annotations

from celery import shared_task

from imaging import pipeline


@shared_task(name="imaging.think", acks_late=True)
def think_job(job_id: int, lease_id: str) -> None:
    """Find the words and settings of a picture."""
    pipeline.think(job_id, lease_id)


@shared_task(name="imaging.draw", acks_late=True)
def draw_job(job_id: int, lease_id: str) -> None:
    """Draw a picture."""
    pipeline.draw(job_id, lease_id)
