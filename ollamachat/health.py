"""Is the app alive, and is it ready for people?"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from gpu import snapshot
from live.alive import is_alive
from live.redis import RedisError, client


class NotReadyFilter(logging.Filter):
    """Keeps the log quiet while a supervisor asks again and again whether the app is ready."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is worth a line."""
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM chats_chat WHERE 1 = 0")
    return True


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": lambda: bool(client().ping()),
    "llm": lambda: is_alive("llm"),
    "imaging": lambda: is_alive("imaging"),
    "upkeep": lambda: is_alive("upkeep"),
    "models": lambda: snapshot.read().state != snapshot.STARTING,
}


@require_safe
def livez(_request: HttpRequest) -> JsonResponse:
    """Answer that this process serves."""
    return JsonResponse({"alive": True})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything that an answer needs is there, else 503 and what is missing."""
    checks = {name: _passes(check) for name, check in CHECKS.items()}
    ready = all(checks.values())
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (RedisError, DatabaseError):
        return False
