"""Named API keys: made once, read by nobody, each with what it may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import apikeys, rights, tokens
from accounts.models import ApiKey, AuditEntry, Role, User

pytestmark = pytest.mark.django_db

KEYS = "/api/keys"


def new_key(user: User, *scopes: str, **more: Any) -> str:
    """Return the text of a new key."""
    return apikeys.create_key(user, name="a script", scopes=scopes or ["read"], **more)[1]


def make(client: Client, **body: Any) -> Any:
    given = {"name": "the editor", "scopes": ["chat"], **body}
    return client.post(KEYS, given, content_type="application/json")


def call(client: Client, key: str, path: str = "/api/chats", method: str = "get") -> int:
    """Return the status of a call with a key."""
    headers = {"x-api-key": key}
    answer = getattr(client, method)(path, content_type="application/json", headers=headers)
    status: int = answer.status_code
    return status


@pytest.mark.parametrize("path", [KEYS, f"{KEYS}/"])
def test_a_key_is_shown_once_and_kept_as_a_hash(alice_client: Client, alice: User, path: str) -> None:
    body = {"name": "the editor", "scopes": ["chat", "read"]}
    made = alice_client.post(path, body, content_type="application/json")
    assert made.status_code == 201
    text, key = made.json()["key"], ApiKey.objects.get()
    assert text.startswith(f"oc_{key.hint}_")
    assert len(text.rsplit("_", 1)[1]) >= 20
    assert (key.name, key.scopes, key.user) == ("the editor", ["chat", "read"], alice)
    listed = alice_client.get(path)
    assert listed.json()["results"][0]["name"] == "the editor"
    secret = text.removeprefix(f"oc_{key.hint}_")
    assert secret not in listed.text
    assert secret not in str(ApiKey.objects.values().get())


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_both_headers_are_read_alike(client: Client, alice: User, header: str) -> None:
    key = new_key(alice, "chat")
    said = {"authorization": f"Bearer {key}", "x-api-key": key}[header]
    assert client.get("/api/chats", headers={header: said}).status_code == 200
    assert client.get("/api/chats", headers={header: said + "x"}).status_code == 401
    assert client.get("/api/gpu", headers={header: said}).status_code == 403
    assert client.get(KEYS, headers={header: said}).status_code == 403


def test_a_token_is_taken_in_either_header_and_two_different_ones_are_not(
    client: Client, alice: User, bob: User
) -> None:
    token, key = tokens.begin(alice)["access"], new_key(bob)
    assert client.get("/api/auth/me", headers={"x-api-key": token}).json()["username"] == "alice"
    both = {"authorization": f"Bearer {token}", "x-api-key": key}
    assert client.get("/api/auth/me", headers=both).status_code == 401


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {"GET /api/chats", "GET /api/image", "GET /api/gpu", "GET /api/models"}),
        (["chat"], {"GET /api/chats", "POST /api/chats", "GET /api/models"}),
        (["pictures"], {"GET /api/image", "GET /api/models"}),
        (["card"], {"GET /api/gpu", "GET /api/models"}),
        (["chat", "pictures"], {"GET /api/chats", "POST /api/chats", "GET /api/image", "GET /api/models"}),
    ],
)
def test_a_key_reaches_what_its_scopes_say(
    client: Client, alice: User, scopes: list[str], allowed: set[str]
) -> None:
    key = new_key(alice, *scopes)
    calls = ["GET /api/chats", "POST /api/chats", "GET /api/image", "GET /api/gpu", "GET /api/models"]
    statuses = {name: call(client, key, name.split()[1], name.split()[0].lower()) for name in calls}
    assert {name for name, status in statuses.items() if status < 300} == allowed
    assert {status for name, status in statuses.items() if name not in allowed} <= {403}


@pytest.mark.parametrize("scope", ApiKey.Scope.values)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/auth/me"),
        ("patch", "/api/auth/me"),
        ("post", "/api/auth/logout"),
        ("get", KEYS),
        ("post", KEYS),
        ("delete", f"{KEYS}/1"),
    ],
)
def test_no_key_reaches_the_account(client: Client, alice: User, scope: str, method: str, path: str) -> None:
    assert call(client, new_key(alice, scope), path, method) == 403


def test_a_key_is_no_token_of_the_account(client: Client, alice: User) -> None:
    answer = client.get("/api/auth/verify", headers={"x-api-key": new_key(alice)})
    assert answer.json() == {"valid": False, "user": None}


def test_a_key_of_an_admin_has_no_more_than_its_scopes(client: Client, admin: User) -> None:
    assert call(client, new_key(admin, "chat"), "/api/process/status") == 403
    assert call(client, new_key(admin, "card"), "/api/process/status") == 200


def test_an_ended_key_opens_nothing(client: Client, alice: User) -> None:
    key = new_key(alice, expires_at=timezone.now() + timedelta(hours=1))
    assert call(client, key) == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert call(client, key) == 401


def test_a_withdrawn_key_opens_nothing(client: Client, alice_client: Client, alice: User) -> None:
    key = new_key(alice)
    pk = ApiKey.objects.get().pk
    assert alice_client.delete(f"{KEYS}/{pk}").status_code == 204
    assert call(client, key) == 401
    assert alice_client.delete(f"{KEYS}/{pk}").status_code == 404
    assert alice_client.get(KEYS).json()["count"] == 0
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "key.made",
        "key.withdrawn",
    ]


def test_somebody_elses_key_is_not_there(bob_client: Client, alice: User) -> None:
    new_key(alice)
    assert bob_client.get(KEYS).json()["count"] == 0
    assert bob_client.delete(f"{KEYS}/{ApiKey.objects.get().pk}").status_code == 404


def test_a_blocked_person_has_no_key(client: Client, alice: User) -> None:
    key = new_key(alice)
    User.objects.update(is_active=False)
    assert call(client, key) == 401


def test_who_may_not_use_keys_makes_none_and_has_none(
    client: Client, alice_client: Client, alice: User
) -> None:
    key = new_key(alice)
    User.objects.update(role=Role.GUEST)
    rights.create_groups()
    assert make(alice_client).status_code == 403
    assert call(client, key) == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": "chat"}, "scopes"),
        ({"expires_at": "2001-01-01T00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_a_bad_key_is_told_by_its_field(alice_client: Client, body: dict[str, Any], field: str) -> None:
    refused = make(alice_client, **body)
    assert refused.status_code == 400
    assert field in {name.partition(".")[0] for name in refused.json()["error"]["fields"]}
    assert not ApiKey.objects.exists()


def test_a_person_has_so_many_keys_and_no_more(alice_client: Client, alice: User) -> None:
    for _number in range(apikeys.MOST):
        ApiKey.objects.create(user=alice, name="x", key_hash="x")
    assert make(alice_client).status_code == 400


def test_the_last_use_is_written_once_a_minute(client: Client, alice: User) -> None:
    key = new_key(alice)
    call(client, key)
    first = ApiKey.objects.get().used_at
    call(client, key)
    assert first is not None
    assert ApiKey.objects.get().used_at == first
    ApiKey.objects.update(used_at=first - timedelta(minutes=2))
    call(client, key)
    assert ApiKey.objects.get().used_at > first - timedelta(minutes=1)  # type: ignore[operator]


def test_the_secret_is_not_kept_with_the_answer_of_an_idempotent_call(alice_client: Client) -> None:
    body = {"name": "once", "scopes": ["read"]}
    headers = {"idempotency-key": "make it once"}
    first, second = (
        alice_client.post(KEYS, body, content_type="application/json", headers=headers) for _ in range(2)
    )
    assert first.json()["key"]
    assert second.json() == first.json() | {"key": None}
    assert ApiKey.objects.count() == 1
