"""Other sites' pages: shut out, unless the operator names them."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts import tokens
from accounts.models import User

pytestmark = pytest.mark.django_db

APP = "https://app.example.org"
ASKED = {"access-control-request-method": "PATCH", "access-control-request-headers": "authorization"}


@pytest.fixture
def opened(settings: LazySettings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP, "http://localhost:5173"]


def allowed(response: Any) -> str | None:
    found: str | None = response.headers.get("Access-Control-Allow-Origin")
    return found


@pytest.mark.parametrize("method", ["get", "options"])
@pytest.mark.parametrize("path", ["/api/chats", "/api/auth/login", "/", "/docs"])
def test_by_default_no_other_site_is_let_in(client: Client, path: str, method: str) -> None:
    response = getattr(client, method)(path, headers={"origin": APP, **ASKED})
    assert not [name for name in response.headers if name.startswith("Access-Control-")]


@pytest.mark.usefixtures("opened")
def test_a_named_site_is_answered_before_it_calls(client: Client) -> None:
    response = client.options("/api/chats/1", headers={"origin": APP, **ASKED})
    assert (response.status_code, allowed(response)) == (204, APP)
    assert "PATCH" in response["Access-Control-Allow-Methods"]
    assert {"Authorization", "X-API-Key", "If-Match"} <= set(
        response["Access-Control-Allow-Headers"].split(", ")
    )
    assert "Access-Control-Allow-Credentials" not in response
    assert "Origin" in response["Vary"]


@pytest.mark.usefixtures("opened")
def test_a_named_site_reads_answers_and_errors(client: Client, alice: User) -> None:
    token = tokens.begin(alice)["access"]
    good = client.get("/api/chats", headers={"origin": APP, "authorization": f"Bearer {token}"})
    assert (good.status_code, allowed(good)) == (200, APP)
    bad = client.get("/api/chats", headers={"origin": APP})
    assert (bad.status_code, allowed(bad)) == (401, APP)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.org.evil.org",
        "http://app.example.org",
        "https://APP.example.org",
        "null",
        "",
    ],
)
def test_no_other_origin_is_let_in(client: Client, origin: str) -> None:
    response = client.options("/api/chats", headers={"origin": origin, **ASKED})
    assert allowed(response) is None
    assert "Origin" in response["Vary"]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("path", ["/", "/admin/", "/media/x", "/docs", "/accounts/login/", "/api"])
def test_the_pages_stay_shut_even_then(client: Client, path: str) -> None:
    assert allowed(client.get(path, headers={"origin": APP})) is None
