"""One-time links: how the first admin gets in, and whoever has forgotten a password."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from accounts.models import LinkPurpose, OneTimeLink, User

LIFETIME = {LinkPurpose.SETUP: timedelta(days=7), LinkPurpose.PASSWORD: timedelta(days=3)}
GONE = _("This link has been used, or it is too old. Please ask for a new one.")


def create_setup_link() -> str:
    """Return the token of a new link for the first admin."""
    return _create(LinkPurpose.SETUP)


def create_password_link(user: User, *, by: User) -> str:
    """Return the token of a new link by which `user` chooses a password; earlier ones end."""
    with transaction.atomic():
        OneTimeLink.objects.filter(user=user, purpose=LinkPurpose.PASSWORD, used_at=None).delete()
        return _create(LinkPurpose.PASSWORD, user=user, by=by)


def find_link(token: str, purpose: LinkPurpose) -> OneTimeLink:
    """Return the link that can still be used. Raises AppError gone."""
    usable = OneTimeLink.objects.select_related("user").filter(
        token_hash=_hashed(token), purpose=purpose, used_at=None, expires_at__gt=timezone.now()
    )
    link = usable.first()
    if link is None or (link.user and not link.user.is_active):
        raise AppError(GONE, code=Code.GONE)
    return link


def use_link(link: OneTimeLink) -> None:
    """Use the link up. Raises AppError gone when somebody was first."""
    now = timezone.now()
    won = OneTimeLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(used_at=now)
    if not won:
        raise AppError(GONE, code=Code.GONE)


def set_password(link: OneTimeLink, password: str) -> User:
    """Give the link's user a new password and use the link up. Raises AppError gone."""
    user = link.user
    if user is None:
        raise AppError(GONE, code=Code.GONE)
    with transaction.atomic():
        use_link(link)
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _create(purpose: LinkPurpose, *, user: User | None = None, by: User | None = None) -> str:
    now = timezone.now()
    OneTimeLink.objects.filter(expires_at__lt=now).delete()
    token = secrets.token_urlsafe(32)
    OneTimeLink.objects.create(
        purpose=purpose, user=user, made_by=by, token_hash=_hashed(token), expires_at=now + LIFETIME[purpose]
    )
    return token


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
