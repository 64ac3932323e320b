"""How the API's addresses stand in its schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Endpoint = tuple[str, str, str, Callable[..., Any]]


def without_trailing_slashes(endpoints: list[Endpoint], **_kwargs: Any) -> list[Endpoint]:
    """Return the endpoints as they are documented: every address works with and without a slash."""
    return [(path.rstrip("/"), regex, method, view) for path, regex, method, view in endpoints]
