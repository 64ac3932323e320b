"""What a caller of the API may reach: signed in, and with a key only what the key is for.

Every view says which keys reach it by its `scope`; where it says nothing, the app that it
lives in does. A view of which nothing is known is closed to keys.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase as Response
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts import rights
from accounts.api.authentication import identify
from accounts.errors import AppError, Code
from accounts.models import ApiKey, Verb

ACCOUNT = "account"  # the person's own account: never by a key
ANY = "any"  # every key
OF_APPS = {
    "chats": ApiKey.Scope.CHAT,
    "imaging": ApiKey.Scope.PICTURES,
    "gpu": ApiKey.Scope.CARD,
}
NOT_BY_KEY = _("This does not work with an API key. Sign in instead.")
OUT_OF_SCOPE = _("This API key may not do this. Make one that may.")


def scope_of(view: Any, method: str = "POST") -> str | None:
    """Return which keys reach the view: a scope, ANY, ACCOUNT for none; None when nobody has said."""
    said = getattr(view, "scope", None)
    if method in SAFE_METHODS:
        said = getattr(view, "read_scope", said)
    kind = view if isinstance(view, type) else type(view)
    return said or OF_APPS.get(kind.__module__.partition(".")[0])


def check_key(key: ApiKey, view: Any, method: str) -> None:
    """Raise AppError forbidden unless the key reaches the view that way."""
    check_scope(key, scope_of(view, method), method)


def check_scope(key: ApiKey, scope: str | None, method: str) -> None:
    """Raise AppError forbidden unless the key reaches what has this scope that way."""
    if scope is None or scope == ACCOUNT:
        raise AppError(NOT_BY_KEY, code=Code.FORBIDDEN)
    rights.check(key.user, Verb.USE_API)
    reads = method in SAFE_METHODS and ApiKey.Scope.READ in key.scopes
    if scope != ANY and scope not in key.scopes and not reads:
        raise AppError(OUT_OF_SCOPE, code=Code.FORBIDDEN)


def by_header_too(scope: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Let a page that only reads be read with a token, or with a key of this scope, as with a session."""

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def known(request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
            found = identify(request)
            if isinstance(found, ApiKey):
                check_scope(found, scope, request.method or "")
            if found:
                request.user = found.user
            return view(request, *args, **kwargs)

        return known

    return decorate


class KeysInScope(BasePermission):
    """Anybody, but a key only where it reaches."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True. Raises AppError forbidden."""
        if isinstance(request.auth, ApiKey):
            check_key(request.auth, view, request.method or "")
        return True


class Allowed(KeysInScope):
    """Whoever is signed in, with a key only where it reaches: the rule of every endpoint."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether somebody is signed in. Raises AppError forbidden."""
        return request.user.is_authenticated and super().has_permission(request, view)
