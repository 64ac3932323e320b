"""Whose `X-Forwarded-For` and `X-Forwarded-Proto` count: those of this computer and of TRUSTED_PROXIES."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ollamachat import env

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")


def read_networks(texts: Iterable[str]) -> list[Network]:
    """Return the addresses and networks. Raises EnvError."""
    try:
        return [ipaddress.ip_network(text, strict=False) for text in texts]
    except ValueError as error:
        raise env.EnvError(
            f"TRUSTED_PROXIES cannot be used: {error}. Allowed: 10.0.0.2, 10.0.0.0/8."
        ) from None


class ProxyMiddleware:
    """Stands first: takes away what a client claims about its address when no proxy of ours says it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_proxy(request.META.get("REMOTE_ADDR", "")):
            for name in FORWARDED:
                request.META.pop(name, None)
        return self._get_response(request)


def is_proxy(peer: str) -> bool:
    """Return whether the other end of the connection may speak for its clients."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or any(address in network for network in settings.TRUSTED_PROXIES)
