"""The models page: what an admin does there, and what everybody sees."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import App, Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]
MODEL, SEEING = "smollm2:135m", "smollm2-vision:135m"


def test_a_download_is_followed_by_two_outlives_a_reload_and_is_cancelled(
    visiting: Visiting, app: App, admin: Person
) -> None:
    app.ollama.pull_seconds = 2.0
    mine, other = visiting(admin), visiting(admin, phone=True)
    mine.open("/models/")
    other.open("/models/")
    mine.page.get_by_label("Name in the library of Ollama").fill("new:1b")
    mine.page.get_by_role("button", name="Download").click()
    for visit in (mine, other):
        expect(visit.page.locator("model-pull .pull-text")).to_contain_text("of 0.1 GB")
    assert not other.scrolls_sideways()
    mine.page.reload()
    expect(mine.page.locator("model-pull progress")).to_be_visible()
    expect(mine.page.locator("model-pull .pull-text")).to_contain_text("of 0.1 GB")
    other.page.get_by_role("button", name="Cancel").click()
    for visit in (mine, other):
        expect(visit.page.locator("model-pull")).to_have_count(0)
    assert "new:1b" not in app.ollama.models

    app.ollama.pull_seconds = 0.05
    mine.page.get_by_label("Name in the library of Ollama").fill("new:1b")
    mine.page.keyboard.press("Enter")
    for visit in (mine, other):
        expect(visit.page.locator("article", has_text="new:1b")).to_be_visible()


def test_a_model_is_named_made_the_default_loaded_and_deleted(
    visiting: Visiting, app: App, admin: Person, desk: Visit
) -> None:
    visit = visiting(admin)
    visit.open("/models/")
    desk.open("/models/")
    card = visit.page.locator(f'article[data-model="{SEEING}"]')
    seen = desk.page.locator(f'article[data-model="{SEEING}"]')
    expect(seen.get_by_role("button")).to_have_count(0)

    card.get_by_text("Change", exact=True).click()
    card.get_by_label("Context window, tokens").evaluate("field => field.removeAttribute('max')")
    card.get_by_label("Context window, tokens").fill("9000")
    card.get_by_label("Friendly name").fill("The one with eyes")
    visit.expect_trouble("400")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("alert")).to_contain_text("trained for")
    card.get_by_label("Context window, tokens").fill("4096")
    card.get_by_role("button", name="Save").click()
    for place in (card, seen):
        expect(place.get_by_role("heading", name="The one with eyes")).to_be_visible()
        expect(place).to_contain_text("4,096 of 8,192")

    expect(visit.page.locator(".operators")).to_contain_text(MODEL)
    visit.page.get_by_label("Titles of chats").select_option(SEEING)
    for place in (card, seen):
        expect(place).to_contain_text("names chats")

    card.get_by_role("button", name="Load now").click()
    for place in (card, seen):
        expect(place).to_contain_text("on the card")
    card.get_by_text("Delete", exact=True).click()
    card.get_by_role("button", name="Yes, delete it").click()
    expect(card).to_have_count(0)
    expect(seen).to_have_count(0)
    assert SEEING not in app.ollama.models
