"""The card as people see it: one line, the same in every browser, and everybody's place in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visits import PHONE, Visit, new_context, place_of
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script


@pytest.fixture(scope="module")
def one_slot() -> Iterator[App]:
    """An app whose card answers one at a time, slowly."""
    with (
        ScriptedComfyUI() as comfyui,
        running_app(GPU_OLLAMA_SLOTS="1", GPU_SETTLE="0", COMFYUI_URL=comfyui.url) as app,
    ):
        app.ollama.default = Script(tokens=[f"w{n} " for n in range(2000)], rate=20)
        yield app


@pytest.fixture(scope="module")
def anna(one_slot: App) -> Person:
    return one_slot.person("anna")


@pytest.fixture(scope="module")
def boris(one_slot: App) -> Person:
    return one_slot.person("boris")


@pytest.fixture
def opened(one_slot: App, chromium: Browser) -> Iterator[Any]:
    """Open any number of browsers; at the end none of them may have complained, and nothing runs."""
    visits: list[Visit] = []

    def visit(person: Person, path: str = "/", **options: Any) -> Visit:
        context = new_context(chromium, one_slot, person, one_slot.url, **options)
        visits.append(Visit(one_slot, context.new_page(), one_slot.url))
        visits[-1].open(path)
        return visits[-1]

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


def stop(app: App, person: Person, sent: tuple[int, int]) -> None:
    chat, answer = sent
    app.call(person, f"/api/chats/{chat}/messages/{answer}/stop", {})
    app.wait_for_answer(person, chat, answer)


def test_two_browsers_side_by_side_show_the_same_line_moving(
    one_slot: App, anna: Person, boris: Person, opened: Any
) -> None:
    first = one_slot.send(boris, "The first")
    second = one_slot.send(anna, "The second")
    third = one_slot.send(boris, "The third")
    hers, his = opened(anna, f"/chats/{second[0]}/"), opened(boris, f"/chats/{third[0]}/")
    for visit in (hers, his):
        chip = visit.page.locator("gpu-status.at-side .chip")
        expect(chip).to_contain_text("Card: answers")
        expect(chip).to_contain_text("2 in line")
    expect(hers.page.locator("state-line")).to_contain_text("Waiting for the card: place 1")
    expect(his.page.locator("state-line")).to_contain_text("Waiting for the card: place 2")

    hers.page.locator("gpu-status.at-side .chip").click()
    line = hers.page.locator("dialog .line li")
    expect(line).to_have_count(3)
    expect(line.nth(0)).to_contain_text("Another user's question")
    expect(line.nth(1)).to_contain_text("Your question")
    expect(line.nth(2)).to_contain_text("Another user's question")

    stop(one_slot, boris, first)
    expect(line).to_have_count(2)
    expect(line.nth(0)).to_contain_text("Your question")
    expect(his.page.locator("gpu-status.at-side .chip")).to_contain_text("1 in line")
    expect(his.page.locator("state-line")).to_contain_text("place 1")

    stop(one_slot, anna, second)
    expect(line).to_have_count(1)
    expect(his.page.locator("gpu-status.at-side .chip")).not_to_contain_text("in line")
    expect(his.page.locator("chat-message .prose").last).to_contain_text("w1")
    stop(one_slot, boris, third)
    expect(hers.page.locator("dialog")).to_contain_text("Nobody waits.")


def test_the_panel_opens_and_closes_by_the_keyboard(anna: Person, opened: Any) -> None:
    page = opened(anna).page
    chip = page.locator("gpu-status.at-side .chip")
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("heading", name="The line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    # Not `to_be_focused`: that also wants the window to have the focus, which only one of them can have.
    page.wait_for_function("document.activeElement.matches('gpu-status.at-side .chip')")


def test_the_card_is_borrowed_and_given_back(one_slot: App, anna: Person, boris: Person, opened: Any) -> None:
    hers, his = opened(anna), opened(boris)
    hers.page.locator("gpu-status.at-side .chip").click()
    hers.page.get_by_text("Borrow the card").click()
    hers.page.get_by_label("30", exact=True).check()
    hers.page.get_by_role("button", name="Borrow", exact=True).click()
    expect(hers.page.get_by_role("dialog")).to_contain_text("you have borrowed it")
    expect(his.page.locator("gpu-status.at-side .chip")).to_contain_text("borrowed by anna")

    sent = one_slot.send(boris, "Meanwhile")
    his.open(f"/chats/{sent[0]}/")
    expect(his.page.locator("state-line")).to_contain_text("Waiting for the card")

    hers.page.get_by_role("button", name="Give the card back").click()
    expect(his.page.locator("chat-message .prose").last).to_contain_text("w1")
    stop(one_slot, boris, sent)


def test_on_a_phone_it_is_a_bar_and_a_sheet(anna: Person, opened: Any) -> None:
    page = opened(anna, viewport=PHONE, has_touch=True, is_mobile=True).page
    expect(page.locator("gpu-status.at-side .chip")).not_to_be_in_viewport()
    bar = page.locator("gpu-status.at-bar .chip")
    expect(bar).to_be_in_viewport()
    assert place_of(bar)["height"] >= 44
    bar.tap()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_be_visible()
    where = place_of(sheet)
    assert where["width"] == PHONE["width"]
    assert where["y"] + where["height"] == pytest.approx(PHONE["height"], abs=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_it_speaks_russian(anna: Person, opened: Any) -> None:
    page = opened(anna, locale="ru-RU").page
    expect(page.locator("gpu-status.at-side .chip")).to_contain_text("Карта:")
    page.locator("gpu-status.at-side .chip").click()
    expect(page.get_by_role("dialog")).to_contain_text("Никто не ждёт.")


def test_without_scripts_it_is_a_page_with_forms(one_slot: App, anna: Person, opened: Any) -> None:
    page = opened(anna, java_script_enabled=False).page
    page.locator("gpu-status.at-side .chip").click()
    page.wait_for_url("**/card/")
    page.get_by_text("Borrow the card").click()
    page.get_by_role("button", name="Borrow", exact=True).click()
    expect(page.locator(".card-panel")).to_contain_text("you have borrowed it")
    page.get_by_role("button", name="Give the card back").click()
    expect(page.locator(".card-panel")).not_to_contain_text("you have borrowed it")
