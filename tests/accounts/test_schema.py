from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


@pytest.mark.parametrize(
    ("path", "method", "sent", "statuses"),
    [
        ("/api/auth/register", "post", "Register", {"201", "202", "400", "403", "429"}),
        ("/api/auth/login", "post", "Login", {"200", "400", "401", "403", "429"}),
        ("/api/auth/refresh", "post", "Refresh", {"200", "401", "429"}),
        ("/api/auth/me", "get", None, {"200", "401"}),
    ],
)
def test_each_endpoint_tells_what_it_reads_and_answers(
    schema: dict[str, Any], path: str, method: str, sent: str | None, statuses: set[str]
) -> None:
    operation = schema["paths"][path][method]
    assert set(operation["responses"]) == statuses | {"default"}
    if sent:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{sent}"}


def test_the_door_needs_no_token_and_the_rest_does(schema: dict[str, Any]) -> None:
    assert schema["paths"]["/api/auth/login"]["post"].get("security", [{}]) == [{}]
    assert {"jwtAuth": []} in schema["paths"]["/api/auth/me"]["get"]["security"]


def test_every_error_has_the_one_shape(schema: dict[str, Any]) -> None:
    body = schema["components"]["schemas"]["ErrorBody"]
    assert set(body["properties"]) == {"code", "message", "fields"}
    assert set(body["required"]) == {"code", "message"}


def test_no_address_ends_in_a_slash(schema: dict[str, Any]) -> None:
    assert not [path for path in schema["paths"] if path.endswith("/")]


def test_the_schema_is_valid_and_nothing_warns(tmp_path: Path) -> None:
    file = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(file))
    assert file.read_text().startswith("openapi: 3.1.0")


MAIN = [
    ("/api/auth/register", "post"),
    ("/api/auth/login", "post"),
    ("/api/keys", "post"),
    ("/api/chats/{chat_id}", "put"),
    ("/api/chats/{chat_id}/messages", "post"),
    ("/api/chat/search", "post"),
    ("/api/image/generate", "post"),
    ("/api/image/generate/stream", "post"),
]


@pytest.mark.parametrize(("path", "method"), MAIN)
def test_the_main_calls_have_examples(schema: dict[str, Any], path: str, method: str) -> None:
    body = schema["paths"][path][method]["requestBody"]["content"]["application/json"]
    assert body["examples"]


NOT_CREATING = {"/api/auth/register", "/api/auth/login", "/api/gpu/borrow", "/api/process/switch"}


def test_whatever_creates_takes_an_idempotency_key(schema: dict[str, Any]) -> None:
    without = set()
    for path, operations in schema["paths"].items():
        operation = operations.get("post", {"responses": {}})
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        creates = {"201", "202"} & set(operation["responses"]) and path.startswith("/api/")
        if creates and path not in NOT_CREATING and "Idempotency-Key" not in names:
            without.add(path)
    assert without == {"/api/image/{message_id}/approve"}  # it lets one go on that is there


def test_every_list_comes_in_pages(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        told = answer.get("application/json", {}).get("schema", {})
        assert told.get("type") != "array", path


def test_every_call_is_described(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/api/") and path != "/api/schema":
                assert operation.get("summary"), (method, path)
                assert operation.get("description"), (method, path)
                assert operation["tags"] != ["api"], (method, path)
