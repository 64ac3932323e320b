"""The API's own pages work under their own rules, from local files alone."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visiting
from tests.processes import App

pytestmark = [pytest.mark.browser]


@pytest.mark.parametrize(("path", "shown"), [("/docs", "/api/auth/login"), ("/redoc", "Sign in")])
def test_a_page_of_the_api_shows_every_call_and_asks_nobody_else(
    app: App, visiting: Visiting, path: str, shown: str
) -> None:
    page = visiting().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url + path)
    page.get_by_text(shown).first.wait_for()
    elsewhere = [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]
    assert asked
    assert elsewhere == []
