"""The audit log: who did what to whom, and from where. Nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import AuditEntry, User

_under_way: ContextVar[HttpRequest | None] = ContextVar("request under way", default=None)


@contextmanager
def during(request: HttpRequest) -> Iterator[None]:
    """Have what is noted meanwhile come from this request, also where nobody hands it on."""
    token = _under_way.set(request)
    try:
        yield
    finally:
        _under_way.reset(token)


def note(
    action: str, *, actor: Any = None, target: object = "", request: HttpRequest | None = None, **details: Any
) -> None:
    """Add an entry, in the caller's transaction. `action` is a stable word such as `user.blocked`."""
    actor = actor or (request.user if request and request.user.is_authenticated else None)
    AuditEntry.objects.create(
        actor_id=actor.pk if isinstance(actor, User) else None,
        actor_name=(actor.get_username() if isinstance(actor, User) else str(actor or ""))[:100],
        action=action,
        target=str(target)[:200],
        details=details,
        address=address_of(request or _under_way.get()),
    )


def address_of(request: HttpRequest | None) -> str | None:
    """Return where a request comes from, as the rate limits see it; None where there is none."""
    if request is None:
        return None
    try:
        return str(get_adapter(request).get_client_ip(request)) or None
    except (PermissionDenied, ValueError):
        return None
