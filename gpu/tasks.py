"""Celery's entries: thin."""

from __future__ import annotations

from celery import shared_task

from gpu import pulls, snapshot


@shared_task(name="gpu.pull")
def pull(name: str) -> None:
    """Download a model."""
    pulls.pull_model(name)


@shared_task(name="gpu.refresh")
def refresh() -> None:
    """Look at Ollama now."""
    snapshot.refresh()
