"""Going for good: an account that leaves is shut at once; 30 days later all that is its own is deleted."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit, belongings, revoking
from accounts.errors import AppError, Code
from accounts.models import User

logger = logging.getLogger(__name__)
KEPT = timedelta(days=30)
ONLY_ADMIN = _("You are the only admin. Make somebody else an admin first.")


def is_only_admin(user: User) -> bool:
    """Return whether nobody could look after the installation without the person."""
    return user.is_admin and not User.objects.admins().exclude(pk=user.pk).exists()


def leave(user: User, request: HttpRequest | None = None) -> None:
    """Shut an account and have it deleted in 30 days. Raises AppError conflict for the only admin."""
    with transaction.atomic():
        # Of two admins who leave at once, whoever holds these rows goes first.
        list(User.objects.admins().select_for_update().values_list("pk", flat=True))
        if is_only_admin(user):
            raise AppError(ONLY_ADMIN, code=Code.CONFLICT)
        User.objects.filter(pk=user.pk).update(is_active=False, leaves_at=timezone.now() + KEPT)
        revoking.sign_out_everywhere(user)
        audit.note("user.left", actor=user, request=request, target=user.username)
    user.refresh_from_db()


def purge_left(*, now: datetime | None = None) -> int:
    """Delete the accounts whose time has come, with their rows and files; returns how many went."""
    due = _due(now or timezone.now())
    return sum(_purge(user) for user in due)


def count_due(now: datetime) -> int:
    """Return how many accounts would go."""
    return len(_due(now))


def _due(now: datetime) -> list[User]:
    return list(User.objects.filter(is_active=False, leaves_at__lte=now))


def _purge(user: User) -> bool:
    belongings.purge(user)
    with transaction.atomic():
        gone, _rows = User.objects.filter(pk=user.pk, is_active=False, leaves_at__isnull=False).delete()
        if gone:
            audit.note("user.purged", target=user.username)
    logger.info("the account %s has left for good", user.pk)
    return bool(gone)
