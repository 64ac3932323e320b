"""Who may sign up."""

from __future__ import annotations

from django.conf import settings

from accounts.errors import AppError, Code


def signup_is_open() -> bool:
    """Return whether people may make their own accounts."""
    return bool(settings.SIGNUP_POLICY == "open")


def check_signup_is_open() -> None:
    """Raise AppError signup_closed unless people may make their own accounts."""
    if not signup_is_open():
        raise AppError(code=Code.SIGNUP_CLOSED)
