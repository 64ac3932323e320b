"""The Celery app: workers for answers and for upkeep."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")

app = Celery("ollamachat")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
