from __future__ import annotations

from typing import Any

import pytest
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
