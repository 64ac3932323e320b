"""Wiring: settings, urls, the web server, the Celery app, health."""

from __future__ import annotations

from ollamachat.celery import app as celery_app

__all__ = ["celery_app"]
