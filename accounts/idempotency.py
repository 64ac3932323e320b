"""Calls under an `Idempotency-Key`: made once, and answered the same again for a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from accounts.models import IdempotentCall, User

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=15)  # a call waits 10 minutes at most; one older died with its process
LONGEST_KEY = 190
KEY_TOO_LONG = _("An Idempotency-Key has 1 to 190 characters.")
OTHER_REQUEST = _("This Idempotency-Key was used for another request.")
STILL_RUNNING = _("The first call with this Idempotency-Key is still running.")


def _stored(key: str) -> str:
    """Return the key as it is stored: MariaDB takes "Order-a" and "Order-A" for the same text."""
    return hashlib.sha256(key.encode()).hexdigest()


def claim(user: User, key: str, request_hash: str) -> IdempotentCall | None:
    """Return the call that was made under this key before; None when this one is the first.

    Raises AppError: busy while the first one runs, conflict for another request, invalid.
    """
    if not 0 < len(key) <= LONGEST_KEY:
        raise AppError(KEY_TOO_LONG, code=Code.INVALID)
    return _claim(user, _stored(key), request_hash)


def _claim(user: User, key: str, request_hash: str) -> IdempotentCall | None:
    IdempotentCall.objects.filter(user=user, key=key, at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            IdempotentCall.objects.create(user=user, key=key, request_hash=request_hash)
        return None
    except IntegrityError:
        return _before(user, key, request_hash)


def _before(user: User, key: str, request_hash: str) -> IdempotentCall | None:
    call = IdempotentCall.objects.filter(user=user, key=key).first()
    if call is None:  # it has failed in this moment
        return _claim(user, key, request_hash)
    if call.request_hash != request_hash:
        raise AppError(OTHER_REQUEST, code=Code.CONFLICT)
    if call.status is not None:
        return call
    left = IdempotentCall.objects.filter(pk=call.pk, status=None, at__lt=timezone.now() - ABANDONED)
    if not left.update(at=timezone.now()):
        raise AppError(STILL_RUNNING, code=Code.BUSY)
    return None


def keep(user: User, key: str, *, status: int, body: Any) -> None:
    """Keep the answer; without a body the same call is made again, and answers the same by itself."""
    IdempotentCall.objects.filter(user=user, key=_stored(key)).update(status=status, body=body)


def forget(user: User, key: str) -> None:
    """Let the key be used again: the call has failed."""
    IdempotentCall.objects.filter(user=user, key=_stored(key), status=None).delete()


def purge() -> int:
    """Delete what is older than a day; returns how many."""
    return IdempotentCall.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]


def fingerprint(method: str, path: str, data: Any) -> str:
    """Return the hash of a request: of its method, its address and what was sent, files by content."""
    said = json.dumps([method, path, _plain(data)], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _plain(data: Any) -> Any:
    if hasattr(data, "lists"):  # a form: each name may have several values
        return {name: [_plain(value) for value in values] for name, values in data.lists()}
    if isinstance(data, Mapping):
        return {str(name): _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if hasattr(data, "chunks"):
        return _digest(data)
    return hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else data


def _digest(file: Any) -> str:
    whole = hashlib.sha256()
    for chunk in file.chunks():
        whole.update(chunk)
    file.seek(0)
    return whole.hexdigest()
