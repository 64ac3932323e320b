"""Named API keys, `oc_<hint>_<secret>`: shown once, kept as a hash, each with what it may do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, get_random_string
from django.utils.translation import gettext_lazy as _

from accounts import audit, revoking, rights
from accounts.adapter import INACTIVE
from accounts.errors import AppError, Code
from accounts.models import ApiKey, User, Verb

PREFIX = "oc_"
SECRET_LENGTH = 40  # letters and digits: some 238 bits
MOST = 50  # keys a person may have
NOTED_EVERY = timedelta(minutes=1)  # a key's last use is written no more often
KEY_WRONG = _("This API key is not valid, or not any more.")
TOO_MANY = _("You have %(most)d keys already. Withdraw one that you don't need.")
NO_SCOPE = _("Choose what the key may do.")
IN_THE_PAST = _("This lies in the past.")


def create_key(
    user: User,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key and its text, which nobody can read again. Raises AppError (forbidden, invalid)."""
    rights.check(user, Verb.USE_API)
    _check(scopes, expires_at)
    if mine(user).count() >= MOST:
        raise AppError(TOO_MANY % {"most": MOST}, code=Code.INVALID)
    key = ApiKey(user=user, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)
    text = f"{PREFIX}{key.hint}_{get_random_string(SECRET_LENGTH)}"
    key.key_hash = _hash(text)
    with transaction.atomic():
        key.save()
        audit.note("key.made", actor=user, request=request, target=name, scopes=key.scopes)
    return key, text


def _check(scopes: Sequence[str], expires_at: datetime | None) -> None:
    if not scopes or not set(scopes) <= set(ApiKey.Scope.values):
        raise AppError(NO_SCOPE, code=Code.INVALID, fields={"scopes": [NO_SCOPE]})
    if expires_at and expires_at <= timezone.now():
        raise AppError(IN_THE_PAST, code=Code.INVALID, fields={"expires_at": [IN_THE_PAST]})


def mine(user: User) -> QuerySet[ApiKey]:
    """Return the keys that the person has not withdrawn, newest first; the ended ones too."""
    return ApiKey.objects.filter(user=user, revoked_at=None).order_by("-pk")


def revoke_key(user: User, key_id: int, *, request: HttpRequest | None = None) -> None:
    """Withdraw one of the person's keys; its streams are closed. Raises AppError not_found."""
    key = mine(user).filter(pk=key_id).first()
    if key is None:
        raise AppError(code=Code.NOT_FOUND)
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
        audit.note("key.withdrawn", actor=user, request=request, target=key.name)
        transaction.on_commit(lambda: revoking.close_sockets(user.pk))


def find(text: str) -> ApiKey:
    """Return the key, with its user, whose text this is.

    Raises AppError: unauthenticated, or forbidden for somebody who may use keys no more.
    """
    hint = text.removeprefix(PREFIX).partition("_")[0][:16]
    key = ApiKey.objects.select_related("user").filter(hint=hint).first()
    if not constant_time_compare(_hash(text), key.key_hash if key else "") or key is None:
        raise AppError(KEY_WRONG, code=Code.UNAUTHENTICATED)
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        raise AppError(KEY_WRONG, code=Code.UNAUTHENTICATED)
    if not key.user.is_active:
        raise AppError(INACTIVE, code=Code.UNAUTHENTICATED)
    rights.check(key.user, Verb.USE_API)
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.used_at is None or now - key.used_at >= NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(used_at=now)


def _hash(text: str) -> str:
    """Return the SHA-256 of a key; its secret is random, so nothing slower is needed."""
    return hashlib.sha256(text.encode()).hexdigest()
