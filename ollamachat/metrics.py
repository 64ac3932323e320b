"""`/metrics` for Prometheus: for this computer, or for whoever has METRICS_TOKEN."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts.errors import AppError, Code
from gpu.metrics import CardCollector
from live import counters
from live.alive import is_alive
from live.redis import RedisError, client

WORKERS = ("llm", "imaging", "upkeep")
# What is counted, what it says, and its labels (`live.counters.count`).
COUNTED = {
    "requests": ("HTTP requests answered.", ("view", "method", "status")),
    "request_seconds": ("Seconds that requests took, without what streams after.", ("view",)),
    "answers": ("Answers that ended, by how.", ("status",)),
    "pictures": ("Pictures that ended, by how.", ("status",)),
    "tasks": ("Tasks that workers have done.", ("task", "state")),
}


class WorkCollector(Collector):
    """What web and workers have done since Redis began, and what waits. Raises RedisError."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        for name, (about, labels) in COUNTED.items():
            family = CounterMetricFamily(f"ollama_chat_{name}", about, labels=labels)
            for values, total in sorted(counters.read(name).items()):
                family.add_metric(values, total)
            yield family
        yield self._gauge("queue_length", "Tasks sent and not taken yet.", "queue", self._queue)
        yield self._gauge("worker_up", "1 while a worker gives signs of life.", "worker", is_alive)

    def _gauge(self, name: str, about: str, label: str, read: Callable[[str], float]) -> Metric:
        family = GaugeMetricFamily(f"ollama_chat_{name}", about, labels=[label])
        for worker in WORKERS:
            family.add_metric([worker], float(read(worker)))
        return family

    def _queue(self, name: str) -> float:
        return float(client().llen(f"{settings.REDIS_PREFIX}:{name}"))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the metrics of card, requests and workers as text."""
    if not _may_read(request):
        raise AppError(code=Code.NOT_FOUND)
    registry = CollectorRegistry(auto_describe=False)
    try:
        registry.register(CardCollector())
        registry.register(WorkCollector())
        told = generate_latest(registry)
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None
    return HttpResponse(told, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN:
        return hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    return "X-Forwarded-For" not in request.headers and _is_here(request.META.get("REMOTE_ADDR", ""))


def _is_here(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:  # a socket of another kind has no address
        return False
