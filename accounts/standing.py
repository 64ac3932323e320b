"""Letting people in and putting them out, as an admin does it: each with its line in the audit log."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest

from accounts import audit, revoking
from accounts.models import User


def approve(person: User, request: HttpRequest | None = None) -> bool:
    """Let somebody in who waits; answers whether they waited."""
    with transaction.atomic():
        waiting = User.objects.filter(pk=person.pk, is_active=False, waits_since__isnull=False)
        if not waiting.update(is_active=True, waits_since=None):
            return False
        audit.note("user.approved", request=request, target=person.username)
        return True


def block(person: User, request: HttpRequest | None = None) -> bool:
    """Switch an account off, also of who waits or leaves, so that they do not come in by that way.

    Answers whether it was not blocked before. The last admin and oneself stay.
    """
    others = User.objects.admins().exclude(pk=person.pk)
    own = request is not None and request.user.pk == person.pk
    blocked = not (person.is_active or person.waits_since or person.leaves_at)
    if blocked or own or (person.is_admin and not others.exists()):
        return False
    with transaction.atomic():
        revoking.block_user(person)
        audit.note("user.blocked", request=request, target=person.username)
    return True


def unblock(person: User, request: HttpRequest | None = None) -> bool:
    """Switch a blocked account on again; answers whether it was off."""
    with transaction.atomic():
        blocked = User.objects.filter(pk=person.pk, is_active=False, waits_since=None)
        if not blocked.update(is_active=True, leaves_at=None):
            return False
        audit.note("user.unblocked", request=request, target=person.username)
        return True
