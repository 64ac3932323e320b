"""Celery's entries: thin."""

from __future__ import annotations

from celery import shared_task

from gpu import handoff, installed, pulls, snapshot, warming


@shared_task(name="gpu.pull")
def pull(name: str) -> None:
    """Download a model."""
    pulls.pull_model(name)


@shared_task(name="gpu.unload")
def unload(name: str, user_id: int) -> None:
    """Take a model out of memory."""
    installed.unload(name, user_id)


@shared_task(name="gpu.delete")
def delete(name: str, user_id: int) -> None:
    """Remove a model from the disk."""
    installed.delete(name, user_id)


@shared_task(name="gpu.refresh")
def refresh() -> None:
    """Look at Ollama now."""
    snapshot.refresh()


@shared_task(name="gpu.warm")
def warm(row_id: int, lease_id: str) -> None:
    """Load a model before it is asked for."""
    warming.warm(row_id, lease_id)


@shared_task(name="gpu.hand_over")
def hand_over(switch_id: str) -> None:
    """Give the card to the service that the hand-over is for."""
    handoff.carry_out(switch_id)
