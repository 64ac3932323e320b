"""What views know about their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from accounts.models import User


class AuthenticatedRequest(HttpRequest):
    """A request behind `login_required`: its user is somebody."""

    user: User


def wants_json(request: HttpRequest) -> bool:
    """Return whether a script of ours or a client of the API asks, who reads errors as JSON."""
    fetched = request.headers.get("X-Requested-With") == "fetch"
    bearer = request.headers.get("Authorization", "")[:7].lower() == "bearer "
    by_header = bearer or "X-API-Key" in request.headers
    return fetched or by_header or request.path.startswith(("/api/", "/v1/"))
