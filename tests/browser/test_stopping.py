"""Stopping, continuing, trying again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.visits import Visit
from tests.processes import App
from tests.standins.ollama_script import Fault, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
LONG = [f"w{n} " for n in range(200)]


def test_the_button_stops_and_what_was_written_stays(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=20, hold_at=50)
    desk.begin("Long")
    desk.wait_for_words(5)
    desk.page.get_by_role("button", name="Stop", exact=True).click()
    desk.wait_for_end()
    assert 5 <= desk.words() <= 50
    expect(desk.answer).to_contain_text("Stopped.")
    expect(desk.page.get_by_role("button", name="Send")).to_be_visible()


def test_escape_stops(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=20, hold_at=50)
    desk.begin("Long")
    desk.wait_for_words(5)
    desk.page.keyboard.press("Escape")
    desk.wait_for_end()
    expect(desk.answer).to_have_attribute("data-status", "stopped")


def test_escape_closes_what_is_open_before_it_stops(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=2)
    desk.begin("Long")
    desk.wait_for_words(2)
    for opener, opened in (
        ("gpu-status .chip:visible", ".card-dialog[open]"),
        ("a.icon-link", ".page-dialog[open]"),
        (".message.user [data-more]", "#message-menu:popover-open"),
        (".chat-row [data-row-more]", "#row-menu:popover-open"),
    ):
        desk.page.locator(opener).first.click()
        expect(desk.page.locator(opened)).to_be_visible()
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator(opened)).to_have_count(0)
    before = desk.words()
    desk.wait_for_words(before + 2)
    expect(desk.answer).to_have_attribute("data-running", "")
    desk.page.keyboard.press("Escape")
    desk.wait_for_end()
    expect(desk.answer).to_have_attribute("data-status", "stopped")


def test_enter_while_an_answer_runs_keeps_the_words_and_says_why(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=20, hold_at=50)
    desk.begin("Long")
    desk.wait_for_words(3)
    desk.send("too early")
    expect(desk.page.locator(".composer-error")).to_contain_text("still being written")
    expect(desk.composer).to_have_value("too early")
    desk.page.keyboard.press("Escape")
    desk.wait_for_end()
    expect(desk.page.locator(".composer-error")).to_be_hidden()
    app.ollama.default = Script(tokens=["ok"])
    desk.composer.press("Enter")
    expect(desk.page.locator(".bubble").last).to_have_text("too early")
    desk.wait_for_end()


def test_one_click_continues_a_broken_answer(desk: Visit, app: App) -> None:
    app.ollama.script(Script(tokens=LONG[:40], rate=30, fault=Fault.RESET, after=10))
    app.ollama.default = Script(tokens=["and ", "on"], rate=20)
    desk.begin("Break")
    desk.wait_for_end()
    expect(desk.answer).to_have_attribute("data-status", "interrupted")
    expect(desk.answer.locator(".trouble")).to_contain_text("What was written is kept")
    desk.answer.get_by_role("button", name="Continue").click()
    expect(desk.answer).to_have_attribute("data-status", "complete")
    expect(desk.prose).to_contain_text("w9")
    expect(desk.prose).to_contain_text("and on")
    expect(desk.answers).to_have_count(1)


def test_another_answer_is_written_by_the_model_that_is_chosen_now(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.begin("Who are you?")
    desk.wait_for_end()
    desk.page.locator(".picker > summary").click()
    desk.page.get_by_text("smollm2-tools:135m").click()
    desk.answer.get_by_role("button", name="Another answer").click()
    expect(desk.answer.locator(".who")).to_contain_text("smollm2-tools:135m")
    desk.wait_for_end()
    expect(desk.answers).to_have_count(1)
    assert app.ollama.chats[-1].body["model"] == "smollm2-tools:135m"


def test_another_try_takes_the_place_of_a_failed_one(desk: Visit, app: App) -> None:
    app.ollama.script(Script(fault=Fault.SERVER_ERROR))
    desk.begin("Fail once")
    desk.wait_for_end()
    expect(desk.answer).to_have_attribute("data-status", "failed")
    desk.answer.get_by_role("button", name="Try again").click()
    expect(desk.answer).to_have_attribute("data-status", "complete")
    expect(desk.answers).to_have_count(1)
    desk.page.reload()
    expect(desk.answers).to_have_count(1)
    expect(desk.prose).to_contain_text("w39")
