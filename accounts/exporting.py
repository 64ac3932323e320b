"""Everything that is kept here about a person, as files they take with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts import belongings
from accounts.models import ApiKey, AuditEntry, Avatar, ScriptLogin, Usage, User
from accounts.sessions import sessions_of
from accounts.zipping import File, write_zip

PROFILE = ("username", "name", "email", "role", "language", "theme", "details", "date_joined", "last_login")
KEY = ("name", "scopes", "created_at", "used_at", "expires_at", "revoked_at")  # never what lets in
LOGIN = ("agent", "address", "created_at", "used_at", "ended_at")
DEED = ("at", "action", "target", "details", "address")


def export_zip(user: User) -> Iterator[bytes]:
    """Yield one zip with all that every app keeps for the person, piece by piece."""
    return write_zip(belongings.export(user))


def export(user: User) -> Iterator[File]:
    """Yield what the accounts keep: profile, picture, places, keys' names, usage, deeds."""
    yield "profile.json", _json({name: getattr(user, name) for name in PROFILE})
    avatar = Avatar.objects.filter(user=user).first()
    if avatar:
        yield "avatar.webp", bytes(avatar.data)
    yield "browsers.json", _json(sessions_of(user))
    yield "programs.json", _json(_rows(ScriptLogin.objects.filter(user=user), *LOGIN))
    yield "api-keys.json", _json(_rows(ApiKey.objects.filter(user=user), *KEY))
    yield "usage.json", _json(_rows(Usage.objects.filter(user=user).order_by("at"), "kind", "amount", "at"))
    yield "what-i-did.json", _json(_rows(AuditEntry.objects.filter(actor_id=user.pk), *DEED))


def _rows(rows: QuerySet[Any], *names: str) -> list[dict[str, Any]]:
    return list(rows.values(*names))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str).encode()
