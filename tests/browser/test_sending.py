"""Writing and sending."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import PASSWORD, App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
WHOLE = " ".join(f"w{n}" for n in range(40))


def test_a_person_signs_up_writes_and_is_answered(visiting: Visiting) -> None:
    visit = visiting()
    visit.open()
    visit.page.get_by_role("link", name="Make an account").click()
    visit.page.locator("[name=username]").fill("carol")
    visit.page.locator("[name=password1]").fill(PASSWORD)
    visit.page.locator("form .primary").click()
    visit.page.wait_for_url(visit.url + "/")
    expect(visit.page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()
    visit.send("Hello there")
    visit.page.wait_for_url("**/chats/*/")
    visit.wait_for_end()
    expect(visit.prose).to_have_text(WHOLE)
    expect(visit.page.locator("#chat-title")).to_have_text("Hello there")


def test_the_answer_grows_while_it_is_written(desk: Visit, app: App) -> None:
    app.ollama.default.hold_at = 5
    desk.begin("Count")
    desk.wait_for_words(5)
    assert desk.words() == 5
    expect(desk.answer.locator("state-line")).to_contain_text("Writing")
    app.ollama.default.hold_at = 15
    desk.wait_for_words(15)
    assert desk.words() == 15
    app.ollama.default.hold_at = None
    desk.wait_for_end()
    expect(desk.prose).to_have_text(WHOLE)
    expect(desk.answer.locator("state-line")).to_have_count(0)


def test_shift_and_enter_break_the_line(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.open()
    desk.write("one")
    desk.composer.press("Shift+Enter")
    desk.composer.type("two")
    expect(desk.composer).to_have_value("one\ntwo")
    desk.composer.press("Enter")
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.page.locator(".bubble").first).to_contain_text("one")
    desk.wait_for_end()
    assert app.ollama.chats[-1].body["messages"][-1]["content"] == "one\ntwo"


def test_somebody_signed_out_meanwhile_finds_their_words_again(visiting: Visiting, app: App) -> None:
    eve = app.person("eve")
    visit = visiting(eve)
    visit.open()
    visit.write("do not lose me")
    visit.page.context.clear_cookies(name="sessionid")
    visit.composer.press("Enter")
    expect(visit.page.locator(".composer-error")).to_contain_text("You are signed out")
    visit.page.locator(".composer-error a").click()
    visit.page.locator("[name=login]").fill("eve")
    visit.page.locator("[name=password]").fill(PASSWORD)
    visit.page.locator("form .primary").click()
    visit.page.wait_for_url(visit.url + "/")
    expect(visit.composer).to_have_value("do not lose me")


def test_a_draft_outlives_a_reload(desk: Visit) -> None:
    desk.open()
    desk.write("half a thou")
    desk.page.reload()
    expect(desk.composer).to_have_value("half a thou")
    desk.write("")


def test_what_could_not_be_sent_stays_and_goes_once(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.begin("first")
    desk.wait_for_end()
    desk.expect_trouble("ERR_FAILED")
    lost: list[str] = []

    def reach_the_server_but_lose_the_answer(route: Route) -> None:
        lost.append(route.fetch().text())
        route.abort()

    desk.page.route("**/send/", reach_the_server_but_lose_the_answer)
    desk.send("second")
    expect(desk.page.locator(".composer-error")).to_contain_text("Your text is kept here")
    expect(desk.composer).to_have_value("second")
    desk.page.unroute("**/send/")
    expect(desk.answers).to_have_count(2)
    desk.wait_for_end()
    desk.composer.press("Enter")
    expect(desk.composer).to_have_value("")
    assert len(lost) == 1
    desk.page.reload()
    expect(desk.page.locator(".bubble")).to_have_text(["first", "second"])


def test_a_draft_on_its_way_arrives_before_what_is_sent(desk: Visit, phone: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    path = desk.begin("first")
    desk.wait_for_end()
    held: list[Route] = []
    desk.page.route("**/draft/", lambda route: held.append(route))
    desk.write("second")
    desk.wait_for(lambda: bool(held), "the draft on its way")
    desk.composer.press("Enter")
    expect(desk.page.locator("[data-send]")).to_be_disabled()
    with desk.page.expect_response("**/draft/"):
        held[0].continue_()
    expect(desk.page.locator(".bubble").last).to_have_text("second")
    desk.wait_for_end()
    phone.open(path)
    expect(phone.composer).to_have_value("")


def test_words_that_were_sent_elsewhere_are_no_draft_any_more(desk: Visit, phone: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    path = desk.begin("first")
    desk.wait_for_end()
    with desk.page.expect_response("**/draft/"):
        desk.write("second")
    phone.open(path)
    expect(phone.composer).to_have_value("second")
    desk.composer.press("Enter")
    expect(phone.composer).to_have_value("")
    phone.page.reload()
    expect(phone.composer).to_have_value("")


def test_two_tabs_have_one_draft(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    path = desk.begin("first")
    desk.wait_for_end()
    other = Visit(app, desk.page.context.new_page(), desk.url)
    other.open(path)
    desk.write("half")
    expect(other.composer).to_have_value("half")
    other.composer.press("End")
    other.composer.type(" and half")
    expect(desk.composer).to_have_value("half and half")
    other.composer.press("Enter")
    expect(desk.composer).to_have_value("")
    assert other.complaints() == []


def test_words_written_while_a_chat_begins_are_there_when_it_opens(desk: Visit) -> None:
    desk.open()
    held: list[Route] = []
    desk.page.route("**/chats/send/", lambda route: held.append(route))
    desk.send("first")
    desk.wait_for(lambda: bool(held), "the first message on its way")
    desk.composer.press("End")
    desk.composer.type("and second")
    held[0].continue_()
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.composer).to_have_value("and second")
    expect(desk.page.locator(".bubble")).to_have_text(["first"])
    desk.open()
    expect(desk.composer).to_have_value("")


def test_a_second_device_sees_what_the_first_sends(desk: Visit, phone: Visit) -> None:
    path = desk.begin("from the desk")
    desk.wait_for_end()
    phone.open(path)
    desk.send("and again from the desk")
    expect(phone.page.locator(".bubble").last).to_have_text("and again from the desk")
    phone.wait_for_words(3)
    phone.wait_for_end()
    expect(phone.prose).to_have_text(WHOLE)
    phone.write("from the phone")
    phone.page.get_by_role("button", name="Send").click()
    expect(desk.page.locator(".bubble").last).to_have_text("from the phone")
    desk.wait_for_end()
    expect(desk.answers).to_have_count(3)


def test_the_sidebar_shows_the_new_chat_and_that_it_is_being_answered(desk: Visit, app: App) -> None:
    app.ollama.default.hold_at = 5
    path = desk.begin("A chat of its own")
    row = desk.page.locator(f".chat-row:has(a[href='{path}'])")
    expect(row.locator(".running")).to_be_visible()
    expect(desk.page.locator(".day").first).to_have_text("Today")
    app.ollama.default.hold_at = None
    desk.wait_for_end()
    expect(row.locator(".running")).to_have_count(0)


def test_a_chat_is_renamed_and_deleted_in_the_list(desk: Visit) -> None:
    path = desk.begin("Old name")
    desk.wait_for_end()
    row = desk.page.locator(f".chat-row:has(a[href='{path}'])")
    row.locator("[data-row-more]").click()
    menu = desk.page.locator("#row-menu")
    menu.locator("input[name=title]").fill("New name")
    menu.get_by_role("button", name="Rename").click()
    expect(row.locator(".chat-title")).to_have_text("New name")
    expect(desk.page.locator("#chat-title")).to_have_text("New name")
    row.locator("[data-row-more]").click()
    menu.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    expect(desk.composer).to_be_hidden()
    desk.page.get_by_role("button", name="Bring back").click()
    expect(row).to_have_count(1)
    expect(desk.composer).to_be_visible()


def test_an_idea_fills_the_composer(desk: Visit) -> None:
    desk.open()
    idea = desk.page.locator("[data-try]").first
    words = " ".join((idea.text_content() or "").split())
    idea.click()
    expect(desk.composer).to_have_value(words)
    desk.write("")


def test_the_chosen_model_answers(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.open()
    desk.page.locator(".picker > summary").click()
    desk.page.get_by_text("smollm2-tools:135m").click()
    expect(desk.page.locator(".picker-name")).to_have_text("smollm2-tools:135m")
    expect(desk.page.locator(".picker-list")).to_be_hidden()
    desk.send("Hello")
    desk.page.wait_for_url("**/chats/*/")
    desk.wait_for_end()
    assert app.ollama.chats[-1].body["model"] == "smollm2-tools:135m"
    expect(desk.answer.locator(".who")).to_contain_text("smollm2-tools:135m")


def test_without_scripts_one_can_read_and_send(visiting: Visiting, alice: Person, app: App) -> None:
    app.ollama.default = Script(tokens=["**plain** words"])
    visit = visiting(alice, java_script_enabled=False)
    visit.open()
    visit.write("No scripts here")
    visit.page.get_by_role("button", name="Send").click()
    visit.page.wait_for_url("**/chats/*/")
    expect(visit.page.locator(".bubble")).to_have_text("No scripts here")

    def is_answered() -> bool:
        visit.page.reload()
        return visit.prose.locator("strong").count() > 0

    visit.wait_for(is_answered, "the answer")
    expect(visit.prose.locator("strong")).to_have_text("plain")


def test_a_list_on_its_way_does_not_close_an_open_menu(desk: Visit) -> None:
    path = desk.begin("Keep my menu")
    desk.wait_for_end()
    row = desk.page.locator(f".chat-row:has(a[href='{path}'])")
    held: list[Route] = []
    fetched = re.compile("/chats/list/")
    desk.page.route(fetched, lambda route: held.append(route))
    with desk.page.expect_request(fetched):
        desk.page.evaluate("document.body.dispatchEvent(new CustomEvent('chats-changed'))")
    row.locator("[data-row-more]").click()
    title = desk.page.locator("#row-menu input[name=title]")
    title.fill("Half typed")
    with desk.page.expect_response(fetched):
        held[0].continue_()
    desk.page.wait_for_timeout(200)
    expect(title).to_be_visible()
    expect(title).to_have_value("Half typed")
