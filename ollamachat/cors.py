"""Other sites' pages and the API: none may call it, but those that the operator names.

They come with a token or a key; cookies never cross, so nobody's session does either.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

OPEN = ("/api/", "/v1/")
METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = (
    "Authorization, X-API-Key, Content-Type, Accept, Accept-Language, If-Match, Idempotency-Key,"
    " Last-Event-ID, X-Request-ID"
)
EXPOSED = "ETag, Retry-After, Idempotency-Replayed, X-Request-ID"
KEPT = "3600"  # seconds that a browser may remember the answer


class CorsMiddleware:
    """Lets the pages of CORS_ALLOWED_ORIGINS call /api/ and /v1/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, open to the origin if it is one of the named ones."""
        origin = request.headers.get("Origin", "")
        if not request.path.startswith(OPEN) or not settings.CORS_ALLOWED_ORIGINS:
            return self.get_response(request)
        is_named = origin in settings.CORS_ALLOWED_ORIGINS
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = HttpResponse(status=204) if asks and is_named else self.get_response(request)
        patch_vary_headers(response, ("Origin",))
        if is_named:
            _open(response, origin, asks=asks)
        return response


def _open(response: HttpResponseBase, origin: str, *, asks: bool) -> None:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    if asks:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = HEADERS
        response.headers["Access-Control-Max-Age"] = KEPT
