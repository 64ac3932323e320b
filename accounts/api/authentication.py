"""Who calls the API: the one check behind every header that can say so.

`Authorization: Bearer <access token or API key>` and `X-API-Key: <the same>` are read
alike; pages come with their session and its CSRF token.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import apikeys, tokens
from accounts.errors import AppError, Code
from accounts.models import ApiKey, ScriptLogin, User

REALM = 'Bearer realm="api"'
TWO_KEYS = _("The two headers name different keys. Send one of them.")
Credential = ScriptLogin | ApiKey


def identify(request: HttpRequest) -> Credential | None:
    """Return the login or the key, each with its `user`, that the headers name; None without one.

    Raises AppError unauthenticated for one that is not valid, or not any more.
    """
    text = _presented(request)
    if text is None:
        return None
    return apikeys.find(text) if text.startswith(apikeys.PREFIX) else tokens.find(text)


def _presented(request: HttpRequest) -> str | None:
    scheme, _space, bearer = request.headers.get("Authorization", "").strip().partition(" ")
    said = [bearer.strip()] if scheme.lower() == "bearer" else []
    if "X-API-Key" in request.headers:
        said.append(request.headers["X-API-Key"].strip())
    if len(set(said)) > 1:
        raise AppError(TWO_KEYS, code=Code.UNAUTHENTICATED)
    return said[0] if said else None


class HeaderAuthentication(BaseAuthentication):
    """The caller as the headers say; `request.auth` is the ScriptLogin or the ApiKey."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        """Return the user and the credential. Raises AppError unauthenticated."""
        found = identify(request._request)
        return (found.user, found) if found else None

    def authenticate_header(self, request: Request) -> str:
        return REALM
