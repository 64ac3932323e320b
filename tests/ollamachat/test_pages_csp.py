from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from drf_spectacular.validation import validate_schema

pytestmark = pytest.mark.django_db

PAGES = ["/docs", "/docs/", "/redoc", "/redoc/", "/admin/login/", "/accounts/login/", "/nowhere/"]
SIGNED_IN = ["/", "/admin/"]


class Inline(HTMLParser):
    """Collects what the page's rules would block."""

    def __init__(self, html: str, rules: dict[str, str]) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.rules = rules
        self.strict_style = "'unsafe-inline'" not in rules["style-src"]
        self.feed(html)

    def allows(self, nonce: str | None) -> bool:
        return bool(nonce) and f"'nonce-{nonce}'" in self.rules["script-src"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = given.get("type") in ("application/json", "text/template")
        needs_nonce = tag == "script" or (tag == "style" and self.strict_style)
        if needs_nonce and not given.get("src") and not is_data and not self.allows(given.get("nonce")):
            self.blocked.append(self.get_starttag_text() or tag)
        self.blocked += [f"{tag} {name}" for name in given if name.startswith("on")]
        if self.strict_style and "style" in given:
            self.blocked.append(f"{tag} style")
        for name in ("src", "href") if tag in ("script", "link", "img") else ():
            if re.match(r"(https?:)?//", given.get(name) or ""):
                self.blocked.append(f"{tag} {given[name]}")


def rules_of(response: Any) -> dict[str, str]:
    parts = [part.split(maxsplit=1) for part in response["Content-Security-Policy"].split(";")]
    return {name: " ".join(rest) for name, *rest in parts}


def assert_obeys_its_rules(response: Any, status: int = 200) -> None:
    assert response.status_code == status
    rules = rules_of(response)
    assert "unsafe" not in rules["script-src"]
    assert "http" not in " ".join(rules.values())
    assert Inline(response.content.decode(), rules).blocked == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_nothing_that_its_own_rules_block(client: Client, path: str) -> None:
    assert_obeys_its_rules(client.get(path, follow=True), 404 if path == "/nowhere/" else 200)


@pytest.mark.parametrize("path", SIGNED_IN)
def test_a_page_behind_the_door_has_nothing_that_its_own_rules_block(admin_client: Client, path: str) -> None:
    assert_obeys_its_rules(admin_client.get(path))


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_what_a_page_of_the_api_loads_is_there(client: Client, path: str) -> None:
    html = client.get(path).content.decode()
    loaded = re.findall(r'(?:src|href)="/static/([^"?]+)', html)
    assert loaded
    assert [name for name in loaded if not finders.find(name)] == []


@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/"])
def test_the_schema_is_valid_and_names_every_endpoint(client: Client, path: str) -> None:
    response = client.get(path, headers={"Accept": "application/json"})
    assert response.status_code == 200
    schema = response.json()
    validate: Any = validate_schema
    validate(schema)
    assert schema["openapi"].startswith("3.1")
    assert {
        "/api/auth/login",
        "/api/chats",
        "/api/chats/{chat_id}",
        "/api/chats/{chat_id}/messages",
        "/api/chats/{chat_id}/messages/{message_id}/events",
        "/api/chats/{chat_id}/messages/{message_id}/stop",
    } <= set(schema["paths"])
