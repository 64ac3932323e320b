"""The Celery app: workers for answers and for upkeep."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")

# Containers run as root, and tasks are JSON: the warning about pickle is not about us.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("ollamachat")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
