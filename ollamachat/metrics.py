"""`/metrics` for Prometheus: for this computer, or for whoever has METRICS_TOKEN."""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from accounts.errors import AppError, Code
from gpu.metrics import CardCollector
from live.redis import RedisError


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the card's metrics as text."""
    if not _may_read(request):
        raise AppError(code=Code.NOT_FOUND)
    registry = CollectorRegistry(auto_describe=False)
    try:
        registry.register(CardCollector())
        told = generate_latest(registry)
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None
    return HttpResponse(told, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN:
        return hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    proxied = "X-Forwarded-For" in request.headers
    return not proxied and ipaddress.ip_address(request.META["REMOTE_ADDR"]).is_loopback
