"""What every door holds against: forged forms, foreign hosts, other sites, huge and crooked input, floods."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client, override_settings
from django.urls import URLPattern

from accounts.models import User
from tests.conftest import PASSWORD
from tests.doors.conftest import House
from tests.doors.specification import DOORS
from tests.doors.test_matrix import path_of, routes

FORMS = [
    route
    for route, door in DOORS.items()
    if "POST" in door.ways and not route.startswith(("api/", "v1/", "favicon"))
]
JSON = "application/json"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("route", FORMS)
def test_no_form_is_taken_without_its_token(house: House, route: str) -> None:
    """A page of somebody else's that posts with alice's cookies is refused before anything is looked at."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(house.people["owner"])
    response = browser.post(path_of(route, house.address(route)))
    assert response.status_code == 403
    assert "open for too long" in response.content.decode()


def test_a_session_at_the_api_needs_the_token_too(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.post("/api/chats", "{}", JSON).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/livez", "/api/chats", "/static/favicon.svg", "/nowhere/"]
)
def test_every_answer_says_what_browsers_may_do_with_it(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers
    assert "X-Powered-By" not in headers


@pytest.mark.django_db
def test_pages_are_in_nobodys_frame_and_run_no_foreign_script(client: Client) -> None:
    headers = client.get("/accounts/login/").headers
    rules = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert headers["X-Frame-Options"] == "DENY"
    assert rules["frame-ancestors"] == rules["default-src"] == rules["base-uri"] == "'none'"
    assert re.fullmatch(r"'self'( 'nonce-[\w+/=-]+')?", rules["script-src"])
    assert rules["form-action"] == "'self'"


def test_cookies_are_out_of_scripts_reach(client: Client, alice: User) -> None:
    page = client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    session = client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert page.cookies["csrftoken"]["samesite"] == "Lax"


SECURE = """
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()
from django.test import Client
page = Client().get("/accounts/login/", secure=True, headers={"host": "chat.example.org"})
cookie = page.cookies["csrftoken"]
print(page.headers["Strict-Transport-Security"], page.headers["Cross-Origin-Opener-Policy"], cookie["secure"])
"""


def test_behind_tls_cookies_are_secure_and_browsers_stay_with_https(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PUBLIC_URL": "https://chat.example.org",
        "OLLAMA_CHAT_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "ollamachat.settings",
        "DB_USE_MYSQL": "",
    }
    ran = subprocess.run(
        [sys.executable, "-c", SECURE], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["max-age=31536000;", "includeSubDomains", "same-origin", "True"] or (
        ran.stdout.split() == ["max-age=31536000", "same-origin", "True"]
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1].evil", ""]
)
def test_a_foreign_host_gets_nothing(client: Client, host: str) -> None:
    """DNS rebinding ends here: a name that is not ours is not served."""
    assert client.get("/accounts/login/", headers={"host": host}).status_code == 400


@pytest.mark.django_db
def test_a_forged_forwarded_host_changes_no_link(client: Client, alice: User) -> None:
    page = client.get("/accounts/login/", headers={"x-forwarded-host": "evil.example"})
    assert "evil.example" not in page.content.decode()


EVIL = ["//evil.example", "https://evil.example", r"\\evil.example", "/\\evil.example", "javascript:alert(1)",
        "http:///evil.example", "\thttps://evil.example"]  # fmt: skip


@pytest.mark.parametrize("target", EVIL)
def test_no_door_leads_to_another_site(alice: User, target: str) -> None:
    client = Client()
    signed_in = client.post(
        f"/accounts/login/?next={target}", {"login": "alice", "password": PASSWORD, "next": target}
    )
    spoken = client.post("/language/", {"language": "ru", "next": target})
    for response in (signed_in, spoken):
        assert response.status_code == 302
        assert "evil" not in response["Location"]
        assert response["Location"].startswith("/")


def unsafe_api() -> list[str]:
    return [
        route
        for route, door in DOORS.items()
        if route.startswith(("api/", "v1/")) and {"POST", "PUT", "PATCH"} & set(door.ways)
    ]


CROOKED = {
    "deep": "[" * 100_000,
    "deep objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "not json": "{",
    "no object": "[1, 2]",
    "a number": "7",
    "nan": '{"content": NaN}',
    "a huge number": '{"width": 1' + "0" * 5_000 + "}",
    "a lone surrogate": '{"content": "\\ud800", "prompt": "\\ud800"}',
    "half a letter in bytes": b'{"content": "\xed\xa0\x80", "prompt": "\xed\xa0\x80"}',
    "a zero": '{"content": "a\\u0000b", "description": "a\\u0000b"}',
    "not utf-8": b'{"content": "\xff\xfe"}',
    "wrong types": '{"content": {"a": [1]}, "description": [], "model": 7, "email": [], "client_id": 5}',
    "a list for a role": '{"model": "m", "messages": [{"role": ["user"], "content": "a"}]}',
    "a list for an effort": '{"model": "m", "reasoning_effort": ["low"],'
    ' "messages": [{"role": "user", "content": "a"}]}',
}


@pytest.mark.parametrize("name", CROOKED)
def test_crooked_json_is_answered_and_never_fatal(house: House, name: str) -> None:
    for route in unsafe_api():
        path = path_of(route, house.address(route))
        for method in {"POST", "PUT", "PATCH"} & set(DOORS[route].ways):
            browser = Client(raise_request_exception=False)
            headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
            response = browser.generic(method, path, CROOKED[name], JSON, headers=headers)
            assert response.status_code < 500 or response.status_code == 503, f"{method} {path}"
            if response.status_code >= 400 and response["Content-Type"] == JSON:
                assert set(response.json()) == {"error"}, f"{method} {path}"


def test_a_body_past_the_limit_is_refused_unread(house: House) -> None:
    body = '{"content": "' + "x" * (9 * 2**20) + '"}'
    headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
    path = f"/api/chats/{house.things['chat_id']}/messages"
    response = Client(raise_request_exception=False).post(path, body, JSON, headers=headers)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


@override_settings(IMAGE_MAX_BYTES_UPLOAD=3 * 2**20)
def test_v1_has_room_for_a_picture_in_base64_and_no_more(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
    for route in ("/v1/chat/completions", "/v1/images/generations"):
        for megabytes, status in ((9, 400), (13, 413)):
            body = '{"model": "' + "x" * (megabytes * 2**20) + '"}'
            response = Client(raise_request_exception=False).post(route, body, JSON, headers=headers)
            assert (response.status_code, "error" in response.json()) == (status, True)


@pytest.mark.django_db(transaction=True)
@override_settings(ACCOUNT_RATE_LIMITS={})
def test_a_flood_of_wrong_passwords_from_many_hands_is_slowed(alice: User, empty_cache: None) -> None:
    """Forty at once: some are told that it is wrong, the rest to wait; then even the right one waits."""

    def knock(_number: int) -> int:
        try:
            body = {"email": "alice@example.org", "password": "wrong"}
            return Client().post("/api/auth/login", body, JSON).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as hands:
        told = list(hands.map(knock, range(40)))
    assert set(told) == {401, 429}
    assert told.count(429) >= 20
    right = Client().post("/api/auth/login", {"email": "alice@example.org", "password": PASSWORD}, JSON)
    assert right.status_code == 429
    assert int(right["Retry-After"]) > 0


@pytest.mark.django_db
def test_a_token_in_the_address_is_no_token(house: House) -> None:
    for name in ("token", "access", "access_token", "jwt", "api_key", "key"):
        assert Client().get(f"/api/chats?{name}={house.tokens['owner']}").status_code == 401


def test_every_address_of_the_api_has_the_one_error_shape(house: House) -> None:
    for method, path in (("GET", "/api/nothing"), ("POST", "/api/auth/me"), ("GET", "/api/chats/0")):
        headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
        response: Any = Client().generic(method, path, headers=headers)
        assert response.status_code in (404, 405)
        assert set(response.json()["error"]) >= {"code", "message"}


def test_the_walk_knows_every_pattern() -> None:
    assert all(isinstance(pattern, URLPattern) for pattern in routes().values())
