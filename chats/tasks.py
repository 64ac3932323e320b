"""Celery's entries: thin."""

from __future__ import annotations

from celery import shared_task

from chats import generation


@shared_task(name="chats.generate")
def generate(message_id: int, lease_id: str) -> None:
    """Answer a message."""
    generation.generate(message_id, lease_id)
