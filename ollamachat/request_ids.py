"""The id of each request: taken or made, told in the answer, and with it to whatever the request sets off."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from live import counters, tracing

logger = logging.getLogger("ollamachat.access")
TOLD = {"livez", "readyz", "metrics"}  # asked all the time, and worth no line


class RequestIdMiddleware:
    """Stands before all others, so that nothing happens without an id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = time.monotonic()
        request_id = tracing.choose(request.headers.get(tracing.HEADER, ""))
        with tracing.under(request_id):
            response = self._get_response(request)
            response.headers[tracing.HEADER] = request_id
            _note(request, response, time.monotonic() - begun)
        return response


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count the request and write its line; by the route, since a path may hold a one-time token."""
    match = request.resolver_match
    view = match.view_name if match else "none"
    method = request.method if request.method in METHODS else "other"
    counters.count("requests", view or "none", str(method), str(response.status_code))
    counters.count("request_seconds", view or "none", by=seconds)
    if view in TOLD:
        return
    facts = {
        "method": method,
        "route": f"/{match.route}" if match else "",
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "user": getattr(getattr(request, "user", None), "pk", None),
    }
    logger.info("%(method)s %(route)s %(status)s", facts, extra={"facts": facts})


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def send_with_task(headers: dict[str, Any], **_: Any) -> None:
    """Put the current id into the headers of a task that is being sent (Celery's before_task_publish)."""
    if tracing.current():
        headers.setdefault("request_id", tracing.current())


def begin_task(task: Any, **_: Any) -> None:
    """Work under the id that the task was sent with (task_prerun)."""
    task.request.under = tracing.under(getattr(task.request, "request_id", None) or "")
    task.request.under.__enter__()
    task.request.begun = time.monotonic()
    tasks.info("%s begins", task.name, extra={"facts": {"task": task.name, "arguments": task.request.args}})


def end_task(task: Any, state: str = "", **_: Any) -> None:
    """Count the task and leave its id behind (task_postrun)."""
    seconds = time.monotonic() - getattr(task.request, "begun", time.monotonic())
    counters.count("tasks", task.name, state.lower() or "none")
    facts = {"task": task.name, "state": state, "ms": round(seconds * 1000, 1)}
    tasks.info("%s ends", task.name, extra={"facts": facts})
    under = getattr(task.request, "under", None)
    if under is not None:
        under.__exit__(None, None, None)


tasks = logging.getLogger("ollamachat.tasks")
