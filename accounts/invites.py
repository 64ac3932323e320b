"""Invites: links by which people make accounts of their own, each for some people and some days."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit, policy
from accounts.errors import AppError, Code
from accounts.models import Invite, Role, User

MOST_USES = 100
MOST_DAYS = 90
GONE = _("This invite has been used, or it is too old. Please ask for a new one.")
SESSION_KEY = "invite"


def create_invite(
    by: User,
    *,
    role: str = Role.USER,
    note: str = "",
    most_uses: int = 1,
    days: int = 7,
    request: HttpRequest | None = None,
) -> tuple[Invite, str]:
    """Return a new invite and its token, which nobody can read again."""
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        invite = Invite.objects.create(
            token_hash=_hashed(token),
            note=note,
            role=role,
            most_uses=most_uses,
            made_by=by,
            expires_at=timezone.now() + timedelta(days=days),
        )
        audit.note("invite.made", actor=by, request=request, target=invite, role=role, uses=most_uses)
    return invite, token


def open_ones() -> QuerySet[Invite]:
    """Return the invites that still make accounts, newest first."""
    now = timezone.now()
    usable = Invite.objects.filter(revoked_at=None, expires_at__gt=now, uses__lt=F("most_uses"))
    return usable.order_by("-pk")


def find_invite(token: str) -> Invite:
    """Return the invite that still makes an account.

    Raises AppError gone, the same for one that never was and one that is used or too old.
    """
    return _open(open_ones().filter(token_hash=_hashed(token)))


def _open(found: QuerySet[Invite]) -> Invite:
    invite = found.first()
    if invite is None or not policy.invites_work():
        raise AppError(GONE, code=Code.GONE)
    return invite


def use_invite(invite: Invite) -> None:
    """Count one more account. Raises AppError gone when others were first, or it has ended."""
    if not open_ones().filter(pk=invite.pk).update(uses=F("uses") + 1):
        raise AppError(GONE, code=Code.GONE)


def revoke_invite(invite: Invite, request: HttpRequest | None = None) -> bool:
    """Withdraw an invite; answers whether it was open. Accounts made by it stay."""
    with transaction.atomic():
        if not open_ones().filter(pk=invite.pk).update(revoked_at=timezone.now()):
            return False
        audit.note("invite.withdrawn", request=request, target=invite)
        return True


def keep(request: HttpRequest, invite: Invite) -> None:
    """Remember in the session that somebody came by this invite, so that no further URL carries it."""
    request.session[SESSION_KEY] = invite.pk


def kept(request: HttpRequest) -> Invite | None:
    """Return the invite that the session's person came by, while it still makes an account."""
    number = request.session.get(SESSION_KEY)
    return open_ones().filter(pk=number).first() if number and policy.invites_work() else None


def forget(request: HttpRequest) -> None:
    """Let go of the invite, once it has made its account."""
    request.session.pop(SESSION_KEY, None)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
