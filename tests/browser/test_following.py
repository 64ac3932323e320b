"""Following an answer: reloads, lost connections, other tabs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit, Wire
from tests.processes import App, Person, wait_until
from tests.standins.ollama_script import Script, pieces

pytestmark = [pytest.mark.browser, pytest.mark.processes]
WHOLE = " ".join(f"w{n}" for n in range(40))
LONG = [f"w{n} " for n in range(120)]


def test_a_reload_in_mid_answer_shows_all_of_it_and_goes_on(desk: Visit, app: App) -> None:
    app.ollama.default.hold_at = 10
    desk.begin("Count")
    desk.wait_for_words(10)
    desk.page.reload()
    desk.wait_for_words(10)
    assert desk.page.locator("chat-message[data-running]").count() == 1
    app.ollama.default.hold_at = None
    desk.wait_for_end()
    expect(desk.prose).to_have_text(WHOLE)


def test_a_lost_connection_is_said_and_leaves_no_gap(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=20)
    desk.expect_trouble("WebSocket")
    wire = Wire(desk.page)
    desk.begin("Count far")
    desk.wait_for_words(8)
    wire.cut()
    expect(desk.page.locator(".link-state")).to_contain_text("trying again")
    held = desk.words()
    desk.page.wait_for_timeout(1500)
    assert desk.words() == held
    wire.mend()
    desk.wait_for_words(held + 20)
    expect(desk.page.locator(".link-state")).to_be_hidden()
    assert wire.opened >= 2
    desk.wait_for_end()
    expect(desk.prose).to_have_text(" ".join(token.strip() for token in LONG))


def test_an_answer_that_ends_while_the_connection_is_lost_is_whole_afterwards(desk: Visit) -> None:
    desk.expect_trouble("WebSocket")
    wire = Wire(desk.page)
    desk.begin("Count")
    desk.wait_for_words(5)
    wire.cut()
    desk.page.wait_for_timeout(3000)
    wire.mend()
    desk.wait_for_end()
    expect(desk.prose).to_have_text(WHOLE)


def test_another_tab_follows_a_second_try_and_a_stop(visiting: Visiting, alice: Person, app: App) -> None:
    app.ollama.default = Script(tokens=LONG, rate=20, hold_at=60)
    first, second = visiting(alice), visiting(alice)
    path = first.begin("Two tabs")
    second.open(path)
    second.wait_for_words(5)
    second.page.get_by_role("button", name="Stop", exact=True).click()
    first.wait_for_end()
    expect(first.answer).to_have_attribute("data-status", "stopped")
    before = first.answer.get_attribute("id")
    first.answer.get_by_role("button", name="Try again").click()
    expect(second.page.locator(f"#{before}")).to_have_count(0)
    second.wait_for_words(5)
    expect(second.answers).to_have_count(1)
    first.page.keyboard.press("Escape")
    second.wait_for_end()
    first.wait_for_end()
    first.answer.get_by_role("button", name="Continue").click()
    expect(second.answer).to_have_attribute("data-running", "")
    second.page.keyboard.press("Escape")
    first.wait_for_end()


def test_the_page_scrolls_along_only_while_the_reader_is_at_the_end(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=[f"line {n}\n\n" for n in range(240)], rate=25)
    desk.begin("Many lines")
    desk.wait_for_words(70)
    log = desk.page.locator("chat-log")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 60"
    assert log.evaluate(at_end)
    log.hover()
    desk.page.mouse.wheel(0, -600)
    newest = desk.page.get_by_role("button", name="To the newest")
    expect(newest).to_be_visible()
    tops: list[float] = []

    def stands() -> bool:
        tops.append(log.evaluate("log => log.scrollTop"))
        return tops[-1] in tops[-4:-1]

    desk.wait_for(stands, "the end of the wheel's turn")
    words = desk.words()
    desk.wait_for_words(words + 20)
    assert log.evaluate("log => log.scrollTop") == tops[-1]
    newest.click()
    assert log.evaluate(at_end)
    expect(newest).to_be_hidden()


def test_loading_shows_the_model_and_counts_the_seconds(desk: Visit, app: App, alice: Person) -> None:
    app.ollama.load_seconds = 6
    app.ollama.loaded.clear()
    wait_until(lambda: not any(known["loaded"] for known in models(app, alice)) or None)
    desk.begin("Wake up")
    line = desk.answer.locator("state-line")
    expect(line).to_contain_text("Loading smollm2:135m")
    expect(line.locator(".state-seconds")).to_have_text(re.compile("[2-6] s"))
    desk.wait_for_end()


def models(app: App, person: Person) -> list[dict[str, Any]]:
    """Return the models as the app knows them."""
    return list(app.call(person, "/api/models").json()["results"])


def test_thoughts_are_folded_and_numbers_are_shown_on_request(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=pieces("The answer is 4."), thinking=pieces("two and two"), rate=20)
    desk.open()
    desk.page.locator(".picker > summary").click()
    desk.page.get_by_text("smollm2-think:135m").click()
    desk.send("2 + 2?")
    desk.page.wait_for_url("**/chats/*/")
    desk.wait_for_end()
    fold = desk.answer.locator(".fold")
    expect(fold.locator(".thoughts")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.locator(".thoughts")).to_have_text("two and two")
    expect(desk.answer.locator(".numbers")).to_be_hidden()
    desk.page.locator(".account > summary").click()
    desk.page.get_by_label("Details: numbers under answers").check()
    expect(desk.answer.locator(".numbers")).to_contain_text("tokens")
    desk.page.reload()
    expect(desk.answer.locator(".numbers")).to_be_visible()
