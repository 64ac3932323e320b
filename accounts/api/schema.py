"""How the API's addresses, its doors and its errors stand in its schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.api.permissions import ACCOUNT, scope_of

Endpoint = tuple[str, str, str, Callable[..., Any]]
BEARER = "The access token of `/api/auth/login`, or an API key."
KEY = "An API key, for programs that cannot send a bearer token."
ERROR = {
    "description": "What went wrong: a stable code, and a sentence that may be shown.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


class HeaderScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The two headers that one check reads."""

    target_class = "accounts.api.authentication.HeaderAuthentication"
    name = ["jwtAuth", "keyAuth"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return how each header is sent."""
        return [
            {"type": "http", "scheme": "bearer", "description": BEARER},
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Return either header, as they stand for each other; keys only where they reach."""
        by_key = [] if scope_of(auto_schema.view) == ACCOUNT else [{"keyAuth": list[str]()}]
        return [{"jwtAuth": []}, *by_key]


def without_trailing_slashes(endpoints: list[Endpoint], **_kwargs: Any) -> list[Endpoint]:
    """Return the endpoints as they are documented: every address works with and without a slash."""
    return [(path.rstrip("/"), regex, method, view) for path, regex, method, view in endpoints]


def with_errors(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Return the schema in which every call may answer with the one shape of an error."""
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"].setdefault("default", ERROR)
    return result
