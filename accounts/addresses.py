"""Under which address another device reaches this app."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def public_address(request: HttpRequest, where: str) -> str:
    """Return the whole address under which another device reaches the path `where`."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{where}"
    here = urlsplit(request.build_absolute_uri(where))
    addresses = settings.ENV["LAN_ADDRESSES"]
    if here.hostname in LOOPBACK and addresses and not settings.ON_LOOPBACK:
        port = f":{here.port}" if here.port else ""
        here = here._replace(netloc=f"{addresses[0]}{port}")
    return here.geturl()
