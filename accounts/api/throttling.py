"""How often one address may knock."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView


class DoorThrottle(SimpleRateThrottle):
    """Counts every try to sign in or up from one address, whoever it is for."""

    scope = "door"

    def get_rate(self) -> str:
        """Return the rate as it is set now, e.g. `20/min`."""
        framework: dict[str, Any] = settings.REST_FRAMEWORK
        rate: str = framework["DEFAULT_THROTTLE_RATES"][self.scope]
        return rate

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class RefreshThrottle(DoorThrottle):
    """Counts new pairs of tokens apart: a house full of scripts behind one address still signs in."""

    scope = "refresh"
