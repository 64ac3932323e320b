"""Whatever is sent, what comes back has the one shape, and never breaks anything."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from chats.models import Chat

pytestmark = pytest.mark.django_db

BODIES = {
    "a thousand lists": "[" * 1000 + "]" * 1000,
    "a hundred thousand lists": "[" * 100_000 + "]" * 100_000,
    "a hundred thousand objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "forty levels": '{"options":' + "[" * 40 + "]" * 40 + "}",
    "not a number": '{"title": NaN}',
    "an endless number": '{"title": 1e999999}',
    "many digits": '{"title": ' + "9" * 5000 + "}",
    "half a string": '{"title": "\\ud800"}',
    "no end": '{"title": ',
    "bytes": "\x00\x01",
}


def is_error(response: Any, status: int, code: str) -> bool:
    told = response.json()
    return (
        response["Content-Type"] == "application/json"
        and (response.status_code, list(told), told["error"]["code"]) == (status, ["error"], code)
        and bool(told["error"]["message"])
    )


@pytest.mark.parametrize("path", ["/api/chats", "/api/auth/login", "/api/keys", "/api/image/generate"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_json_breaks_anything(alice_client: Client, path: str, body: str) -> None:
    response = alice_client.post(path, body, content_type="application/json")
    assert is_error(response, 400, "invalid")
    assert not Chat.objects.exists()


def test_a_body_that_is_too_large_is_not_read_to_its_end(
    alice_client: Client, settings: LazySettings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = alice_client.post("/api/chats", '{"title": "' + "x" * 2000, content_type="application/json")
    assert is_error(response, 413, "too_large")


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/chats/1/nothing/", "/v1/no", "/api/keys/x"])
def test_where_nothing_is_the_error_is_json(client: Client, path: str) -> None:
    assert is_error(client.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/chats", "/api/keys", "/api/usage", "/api/jobs", "/api/models"])
@pytest.mark.parametrize("method", ["put", "trace"])
def test_a_method_that_is_none_is_told_so(alice_client: Client, path: str, method: str) -> None:
    response = getattr(alice_client, method)(path)
    assert is_error(response, 405, "wrong_method")
    assert "GET" in response["Allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png", "*/*", "", "rubbish"])
def test_the_answer_is_json_whatever_is_accepted(alice_client: Client, accept: str) -> None:
    response = alice_client.get("/api/chats", headers={"accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_kind_of_content_is_refused(alice_client: Client, kind: str) -> None:
    assert is_error(alice_client.post("/api/chats", b"title=x", content_type=kind), 415, "wrong_type")


@pytest.mark.parametrize("number", [2**63, 10**30, -1, 0])
def test_an_id_that_no_row_has_breaks_nothing(alice_client: Client, number: int) -> None:
    for path, body in {
        "/api/image/generate": {"description": "x", "chat_id": number, "source_id": number},
        "/api/chat/search": {"content": "x", "chat_id": number},
    }.items():
        response = alice_client.post(path, body, content_type="application/json")
        assert is_error(response, 400, "invalid")


def test_a_form_without_its_token_is_refused_in_the_same_shape(alice_client: Client) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = alice_client.cookies
    assert is_error(careful.post("/api/chats", "{}", content_type="application/json"), 403, "forbidden")
