"""The pill that says how much a model thinks: what the chosen model can, kept for the chat."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.visits import Visit
from tests.processes import App
from tests.standins.ollama_script import Model, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SWITCHED, LEVELLED, PLAIN = "qwen3:8b", "gpt-oss:20b", "smollm2:135m"


@pytest.fixture
def thinkers(app: App, desk: Visit) -> Visit:
    """Alice before models that think and one that does not."""
    app.ollama.default = Script(tokens=["Good."])
    app.ollama.models[SWITCHED] = Model(SWITCHED, ("completion", "thinking"))
    app.ollama.models[LEVELLED] = Model(LEVELLED, ("completion", "thinking"), family="gptoss")
    desk.open()
    for name in (SWITCHED, LEVELLED):
        expect(desk.page.locator(f'model-picker input[value="{name}"]')).to_have_count(1, timeout=30_000)
    return desk


def choose(visit: Visit, model: str) -> None:
    visit.page.locator(".picker summary").click()
    visit.page.locator("label.model", has_text=model).click()


def asked(app: App) -> list[object]:
    return [call.body["think"] for call in app.ollama.chats]


def test_it_offers_what_the_model_can_and_holds_for_the_chat(app: App, thinkers: Visit) -> None:
    pill = thinkers.page.get_by_label("Thinking:")
    choose(thinkers, PLAIN)
    expect(pill).to_be_hidden()
    choose(thinkers, LEVELLED)
    expect(pill).to_have_value("medium")
    choose(thinkers, SWITCHED)
    expect(pill).to_have_value("on")
    pill.select_option("no")
    thinkers.send("Hello")
    thinkers.page.wait_for_url("**/chats/*/")
    thinkers.wait_for_end()
    thinkers.page.reload()
    expect(pill).to_have_value("off")
    choose(thinkers, LEVELLED)
    expect(pill).to_have_value("low")
    assert asked(app) == [False]
