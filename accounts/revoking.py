"""Putting somebody out: their sessions, their sockets and their tokens end at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import ApiKey, ScriptLogin, User

_closers: list[Callable[[int], None]] = []


def on_sign_out(closer: Callable[[int], None]) -> None:
    """Have `closer(user_id)` called when somebody is put out; called from AppConfig.ready."""
    _closers.append(closer)


def sign_out_everywhere(user: User, *, keys: bool = False) -> None:
    """End every session and every script's login of the person; with `keys` their API keys too.

    Whoever keeps a session over it (the person at their own page) signs it anew with
    `django.contrib.auth.update_session_auth_hash`.
    """
    now = timezone.now()
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(sessions_round=F("sessions_round") + 1)
        ScriptLogin.objects.filter(user=user, ended_at=None).update(ended_at=now)
        if keys:
            ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
        transaction.on_commit(partial(close_sockets, user.pk))  # the row itself may be gone by then
    user.refresh_from_db(fields=["sessions_round"])


def close_sockets(user_id: int) -> None:
    """Close what is open of the person: a page that may go on joins again by itself."""
    for closer in _closers:
        closer(user_id)


def block_user(user: User) -> None:
    """Switch an account off, and put its person out."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False, waits_since=None, leaves_at=None)
        sign_out_everywhere(user)
    user.refresh_from_db()


def change_role(user: User, role: str) -> None:
    """Give somebody another role; what is open of them is closed and opened anew with the new rights."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(role=role)
        transaction.on_commit(lambda: close_sockets(user.pk))
    user.refresh_from_db()
