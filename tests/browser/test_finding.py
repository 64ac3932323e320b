"""Looking for words from the sidebar, as somebody at a keyboard and as somebody with a phone does."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import Person
from tests.standins.ollama_script import Script


def test_a_message_is_found_from_the_keyboard_and_its_place_opens(desk: Visit) -> None:
    desk.app.ollama.default = Script(tokens=["Совершенно ", "рыжая ", "лисица <b>."])
    path = desk.begin("Кто живёт в лесу?")
    desk.wait_for_end()
    desk.open()
    desk.page.locator("h1").click()
    desk.page.keyboard.press("/")
    field = desk.page.locator(".find input")
    expect(field).to_be_focused()
    field.press_sequentially("рыжую лисицу")
    hit = desk.page.locator(".find .hit").first
    expect(hit.locator(".hit-snippet")).to_have_text("Совершенно рыжая лисица <b>.")
    expect(hit.locator("mark")).to_have_text(["рыжая", "лисица"])
    expect(desk.page.locator("chat-list")).to_be_hidden()
    hit.click()
    desk.page.wait_for_url(f"**{path}?m=*")
    expect(desk.prose).to_contain_text("рыжая лисица")


def test_escape_brings_the_list_back(desk: Visit) -> None:
    desk.begin("Сколько лап у кота?")
    desk.wait_for_end()
    field, rows = desk.page.locator(".find input"), desk.page.locator(".chat-row")
    field.fill("кот")
    expect(desk.page.locator(".find .hit").first).to_be_visible()
    field.press("Escape")
    expect(field).to_have_value("")
    expect(desk.page.locator(".find-results")).to_be_hidden()
    expect(rows.first).to_be_visible()
    field.fill("пингвинам")
    expect(desk.page.locator(".find-results")).to_contain_text("Nothing found.")
    expect(desk.page.locator(".find [role=status]")).to_have_text("Nothing found.")
    desk.page.keyboard.press("Escape")
    expect(rows.first).to_be_visible()


def test_a_slash_in_the_composer_is_a_slash(desk: Visit) -> None:
    desk.open()
    desk.composer.press_sequentially("1/2")
    expect(desk.composer).to_have_value("1/2")


def test_a_phone_finds_in_its_drawer(desk: Visit, phone: Visit) -> None:
    desk.begin("Где ночуют дикие утки?")
    desk.wait_for_end()
    phone.open()
    phone.page.locator(".menu-button").tap()
    phone.page.locator(".find input").fill("уток ночуют")
    phone.page.locator(".find input").fill("ночуют утки")
    expect(phone.page.locator(".find .hit-snippet").first).to_contain_text("Где ночуют дикие утки?")
    assert phone.page.locator(".find .hit").first.bounding_box()["height"] >= 44  # type: ignore[index]
    assert not phone.scrolls_sideways()


def test_the_search_has_a_page_without_scripts(visiting: Visiting, alice: Person, desk: Visit) -> None:
    desk.begin("Чем питается барсук?")
    desk.wait_for_end()
    visit = visiting(alice, java_script_enabled=False)
    visit.open("/")
    visit.page.locator(".find input").fill("барсуки")
    visit.page.locator(".find input").press("Enter")
    visit.page.wait_for_url("**/search/?q=*")
    expect(visit.page.locator(".find-page .hit mark").first).to_have_text("барсук")
