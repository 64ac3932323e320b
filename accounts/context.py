"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts import policy


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the language, whether people may sign up, whether the outside sees https, and who reads."""
    return {
        "language": (get_language() or settings.LANGUAGE_CODE)[:2],
        "signup_open": policy.signup_is_open(),
        "public_https": settings.SECURE,
        "chats_are_read": settings.ADMIN_MAY_READ_CHATS,
    }
