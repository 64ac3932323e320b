"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts import policy


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the language, whether people may sign up, and whether the outside sees https."""
    return {
        "language": (get_language() or settings.LANGUAGE_CODE)[:2],
        "signup_open": policy.signup_is_open(),
        "public_https": settings.SECURE,
    }
