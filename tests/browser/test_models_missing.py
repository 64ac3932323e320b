"""What the page shows while Ollama has no model, or is away."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.test_markdown import paste
from tests.browser.visits import Visit
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
EMPTY = "Ollama is here, but it has no model yet"


def test_an_admin_downloads_a_model_and_the_chat_opens_by_itself(
    visiting: Visiting, app: App, admin: Person
) -> None:
    visit = visiting(admin)
    visit.open()
    app.ollama.models.clear()
    app.ollama.pull_seconds = 0.4
    expect(visit.page.get_by_role("heading", name=EMPTY)).to_be_visible()
    cards = visit.page.locator(".suggestion")
    expect(cards).to_have_count(3)
    cards.first.get_by_role("button", name="Download").click()
    expect(cards.first.locator("progress")).to_be_visible()
    expect(cards.first.locator(".pulling-text")).to_contain_text("GB")
    expect(visit.page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()
    app.ollama.default = Script(tokens=["ok"])
    visit.send("Hello")
    visit.page.wait_for_url("**/chats/*/")
    visit.wait_for_end()


def test_a_failed_download_says_why(visiting: Visiting, app: App, admin: Person) -> None:
    app.ollama.models.clear()
    app.ollama.pull_error = "file does not exist"
    visit = visiting(admin)
    visit.open()
    card = visit.page.locator(".suggestion").last
    card.get_by_role("button", name="Download").click()
    expect(card.locator(".pulling-text")).to_contain_text("file does not exist")
    expect(card.get_by_role("button", name="Download")).to_be_visible()


def test_a_member_gets_the_command_to_copy(desk: Visit, app: App) -> None:
    app.ollama.models.clear()
    desk.open()
    card = desk.page.locator(".suggestion").first
    expect(card).to_be_visible()
    expect(card.get_by_role("button", name="Download")).to_have_count(0)
    command = card.locator("code").inner_text()
    card.get_by_role("button", name="Copy").click()
    desk.page.locator("chat-composer").evaluate("composer => (composer.style.display = 'block')")
    assert paste(desk.page) == command
    assert command.startswith("ollama pull ")
    desk.write("")


def test_an_absent_ollama_is_said_and_its_return_is_noticed(desk: Visit, app: App) -> None:
    desk.open()
    app.ollama.stop()
    try:
        expect(desk.page.get_by_role("heading", name="Ollama does not answer")).to_be_visible()
    finally:
        app.ollama.start()
    expect(desk.page.get_by_role("heading", name="Ollama does not answer")).to_have_count(0)
