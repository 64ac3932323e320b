"""Whoever gave the right password and still does not get in: why, and what they may do about it."""

from __future__ import annotations

import time
from enum import StrEnum

from django.db import transaction
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import audit, emailing, policy
from accounts.errors import AppError, Code
from accounts.models import User

SESSION_KEY = "doorstep"
PATIENCE = 15 * 60  # seconds that a right password counts here


class Why(StrEnum):
    """Why an account does not get in."""

    WAITS = "waits"
    ADDRESS = "address"
    LEAVES = "leaves"
    OFF = "off"


SENTENCES: dict[Why, Promise] = {
    Why.WAITS: _("An admin has to let you in first. Try again a little later."),
    Why.ADDRESS: _("Confirm your address first: a mail with a link is on its way."),
    Why.LEAVES: _("This account is being deleted. Sign in on the page to keep it."),
    Why.OFF: _("This account is switched off. Please ask the admin."),
}


def sentence(user: User) -> Promise:
    """Return why the account does not get in, for a program."""
    return SENTENCES[why(user)]


def why(user: User) -> Why:
    """Return what keeps the account out."""
    if user.leaves_at:
        return Why.LEAVES
    if not user.waits_for_approval:
        return Why.OFF
    if emailing.is_needed() and not user.email and (user.invite_id or not policy.needs_approval()):
        return Why.ADDRESS
    return Why.WAITS


def remember(request: HttpRequest, user: User) -> None:
    """Remember who stands there; only for somebody whose password was right."""
    request.session[SESSION_KEY] = {"user": user.pk, "at": time.time()}


def look(request: HttpRequest) -> User | None:
    """Return who stands there, for as long as their password counts."""
    told = request.session.get(SESSION_KEY)
    if not isinstance(told, dict) or time.time() - told["at"] > PATIENCE:
        return None
    return User.objects.filter(pk=told["user"], is_active=False).first()


def stay(request: HttpRequest) -> User:
    """Keep the account of who stands there after all. Raises AppError gone."""
    user = look(request)
    if user is None:
        raise AppError(code=Code.GONE)
    with transaction.atomic():
        leaving = User.objects.filter(pk=user.pk, leaves_at__isnull=False)
        if not leaving.update(is_active=True, leaves_at=None):
            raise AppError(code=Code.GONE)
        audit.note("user.stayed", actor=user, request=request, target=user.username)
    request.session.pop(SESSION_KEY, None)
    user.refresh_from_db()
    return user
