"""The project's own entry in Django: what each worker process does besides its tasks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig

PURGE_EVERY = 3600.0  # seconds


class OllamaChatConfig(AppConfig):
    """Starts a worker's sign of life, and the clock in the one that keeps house."""

    name = "ollamachat"

    def ready(self) -> None:
        """Wait for the worker to be ready, if this process becomes one."""
        from celery.signals import before_task_publish, task_postrun, task_prerun, worker_ready

        from accounts import idempotency, tokens
        from live import clock
        from ollamachat import request_ids

        clock.add("idempotent calls", lambda: PURGE_EVERY, idempotency.purge)
        clock.add("logins of scripts", lambda: PURGE_EVERY, tokens.purge)
        worker_ready.connect(_begin, weak=False, dispatch_uid="begin")
        before_task_publish.connect(request_ids.send_with_task, weak=False, dispatch_uid="request_id")
        task_prerun.connect(request_ids.begin_task, weak=False, dispatch_uid="begin_task")
        task_postrun.connect(request_ids.end_task, weak=False, dispatch_uid="end_task")


def _begin(sender: Any, **_: Any) -> None:
    from gpu import watch
    from live import alive, clock

    name = str(sender.hostname).partition("@")[0]
    alive.keep_saying(name)
    if name == "upkeep":
        watch.open_line()
        clock.start()
