"""Who may sign up: everybody, everybody whom an admin approves, who has an invite, or nobody."""

from __future__ import annotations

from django.conf import settings

from accounts.errors import AppError, Code

OPEN, APPROVAL, INVITE, CLOSED = "open", "approval", "invite", "closed"


def signup_is_open() -> bool:
    """Return whether people may ask for an account without an invite."""
    return settings.SIGNUP_POLICY in {OPEN, APPROVAL}


def invites_work() -> bool:
    """Return whether an invite makes an account."""
    return bool(settings.SIGNUP_POLICY != CLOSED)


def needs_approval() -> bool:
    """Return whether an admin has to let new people in who come without an invite."""
    return bool(settings.SIGNUP_POLICY == APPROVAL)


def check_signup_is_open() -> None:
    """Raise AppError signup_closed unless people may make their own accounts."""
    if not signup_is_open():
        raise AppError(code=Code.SIGNUP_CLOSED)
