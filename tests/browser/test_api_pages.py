"""The API's own pages work under their own rules, from local files alone."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visiting
from tests.processes import App

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.mark.parametrize(
    ("path", "shown"), [("/docs", ".opblock-summary"), ("/redoc", "h2:has-text('Sign in')")]
)
def test_a_page_of_the_api_shows_its_calls_and_asks_nobody_else(
    app: App, visiting: Visiting, path: str, shown: str
) -> None:
    page = visiting().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url + path)
    page.locator(shown).first.wait_for(state="attached", timeout=20_000)
    page.wait_for_load_state("networkidle")
    elsewhere = [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]
    assert asked
    assert elsewhere == []
