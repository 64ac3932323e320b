"""Redis, the workers, the process manager."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from gpu.services.errors import ServiceError, ServiceRefusedError
from gpu.services.process_manager import ProcessManager
from live.alive import is_alive
from live.redis import RedisError, client
from ollamachat.doctor.findings import Finding, fine, trouble

WORKERS = ("llm", "imaging", "upkeep")


def check_redis() -> Iterator[Finding]:
    """Yield whether Redis answers and keeps what it is given."""
    try:
        version = client().info("server")["redis_version"]
    except RedisError:
        yield trouble("redis", "redis_down")
        return
    if settings.REDIS_KIND == "memory" or not _keeps():
        yield trouble("redis", "redis_in_memory")
    elif policy := _evicts():
        yield trouble("redis", "redis_evicts", policy=policy)
    else:
        yield fine("redis", "redis", version=version)


def _keeps() -> bool:
    told = _config()
    return not told or told.get("appendonly") == "yes" or bool(told.get("save"))


def _evicts() -> str:
    told = _config()
    policy = told.get("maxmemory-policy", "noeviction")
    return "" if policy == "noeviction" or told.get("maxmemory") in {None, "0"} else policy


def _config() -> dict[str, str]:
    """Return Redis' configuration, {} where a host does not let us read it."""
    try:
        told: dict[str, str] = client().config_get("*")
    except RedisError:
        return {}
    return told


def check_workers() -> Iterator[Finding]:
    """Yield whether each worker has given a sign of life. Raises RedisError."""
    for worker in WORKERS:
        if is_alive(worker):
            yield fine("workers", "worker", worker=worker)
        else:
            yield trouble("workers", "worker_missing", worker=worker)


def check_process_manager() -> Iterator[Finding]:
    """Yield whether the process manager answers, where one is set up."""
    url = settings.PROCESS_MANAGER_API_URL
    if not url:
        yield fine("process manager", "no_process_manager")
        return
    try:
        ProcessManager(url, settings.PROCESS_MANAGER_TOKEN).status()
    except ServiceError as error:
        refused = isinstance(error, ServiceRefusedError)
        yield trouble(
            "process manager", "process_manager_refuses" if refused else "process_manager_down", url=url
        )
        return
    yield fine("process manager", "process_manager", url=url)
