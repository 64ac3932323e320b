"""Every check in turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from django.db import DatabaseError

from gpu.services.errors import ServiceError
from live.redis import RedisError
from ollamachat.doctor import comfyui, machine, ollama, processes, safety
from ollamachat.doctor.findings import Finding, trouble

logger = logging.getLogger(__name__)
Check = Callable[[], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "ollama": ollama.check,
    "comfyui": comfyui.check,
    "redis": processes.check_redis,
    "workers": processes.check_workers,
    "process manager": processes.check_process_manager,
    "disk": machine.check_disk,
    "database": machine.check_database,
    "mail": machine.check_mail,
    "secrets": safety.check_secrets,
    "doors": safety.check_doors,
    "admin": safety.check_admin,
    "settings": safety.check_settings,
}


def examine() -> list[Finding]:
    """Return what every check finds; one that cannot be made says so and stops no other."""
    return [finding for name, check in CHECKS.items() for finding in _make(name, check)]


def _make(name: str, check: Check) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except (ServiceError, RedisError, DatabaseError) as error:
        logger.info("doctor: %s: %s", name, error)
        found.append(trouble(name, "not_checked", check=name))
    return found
