"""Which keys reach which endpoint: every view of the API says so, or its app does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from accounts.api.authentication import HeaderAuthentication
from accounts.api.permissions import ACCOUNT, ANY, check_key, scope_of
from accounts.errors import AppError
from accounts.models import ApiKey, Role, User

OPEN = "drf_spectacular.views"  # anybody reads the schema and its pages, with a key or without


def api_views(found: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every address that REST framework serves, with its view's class."""
    for entry in (found or get_resolver()).url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from api_views(entry, path)
        elif isinstance(entry, URLPattern) and (kind := getattr(entry.callback, "cls", None)):
            yield path, kind


VIEWS = [pytest.param(kind, id=path) for path, kind in api_views() if kind.__module__ != OPEN]


def test_there_are_views() -> None:
    assert len(VIEWS) > 40


@pytest.mark.parametrize("kind", VIEWS)
def test_every_view_has_a_scope(kind: Any) -> None:
    known = {*ApiKey.Scope.values, ACCOUNT, ANY}
    assert scope_of(kind, "GET") in known
    assert scope_of(kind, "POST") in known


@pytest.mark.parametrize("kind", VIEWS)
def test_a_view_that_takes_keys_asks_about_their_scope(kind: Any) -> None:
    asks = any(hasattr(permission, "has_permission") for permission in kind.permission_classes)
    opens_to_all = AllowAny in kind.permission_classes
    assert asks
    assert not opens_to_all or (
        HeaderAuthentication not in kind.authentication_classes and scope_of(kind) == ACCOUNT
    )


def test_a_view_of_which_nothing_is_known_is_closed_to_keys(alice: User) -> None:
    class Unknown(APIView):
        pass

    for scope in ApiKey.Scope.values:
        key = ApiKey(user=User(role=Role.ADMIN), scopes=[scope])
        with pytest.raises(AppError, match="does not work with an API key"):
            check_key(key, Unknown(), RequestFactory().get("/").method or "")
