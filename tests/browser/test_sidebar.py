"""The list of chats, on one device and on several at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visiting
from tests.browser.visits import PATIENCE, Visit
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
MANY = """
from datetime import timedelta
from django.utils import timezone
from chats.models import Chat
now = timezone.now()
Chat.objects.bulk_create(
    Chat(user_id={user}, title=f"Chat {{n}}", updated_at=now - timedelta(hours=n)) for n in range({count})
)
"""
REFRESH = "document.body.dispatchEvent(new CustomEvent('chats-changed'))"


@pytest.fixture
def quick(app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])


def row(visit: Visit, path: str) -> Locator:
    return visit.page.locator(f".chat-row:has(a[href='{path}'])")


def do(visit: Visit, path: str, what: str) -> None:
    """Choose an item of a row's menu."""
    row(visit, path).locator("[data-row-more]").click()
    visit.page.locator("#row-menu").get_by_role("button", name=what, exact=True).click()


def begun(visit: Visit, words: str) -> str:
    path = visit.begin(words)
    visit.wait_for_end()
    return path


def somebody(visiting: Visiting, app: App, name: str, count: int) -> Visit:
    """Return the visit of a person who has so many chats."""
    person = app.person(name)
    app.manage("shell", "--no-imports", "-c", MANY.format(user=person.pk, count=count))
    return visiting(person)


@pytest.mark.usefixtures("quick")
def test_what_is_done_in_one_tab_shows_in_the_other(desk: Visit, visiting: Visiting, alice: Person) -> None:
    path = begun(desk, "Shown everywhere")
    other = visiting(alice)
    other.open()
    expect(row(other, path)).to_have_count(1)
    do(desk, path, "Pin to the top")
    expect(other.page.locator(".day").first).to_have_text("Pinned")
    expect(other.page.locator(".chat-row").first.locator("a[href]").first).to_have_attribute("href", path)
    do(other, path, "Unpin")
    expect(desk.page.locator(".day").first).to_have_text("Today")
    do(other, path, "Archive")
    expect(row(desk, path)).to_have_count(0)
    other.page.get_by_role("button", name="Bring back").click()
    expect(row(desk, path)).to_have_count(1)


@pytest.mark.usefixtures("quick")
def test_a_tab_whose_chat_was_deleted_elsewhere_says_so_and_offers_it_back(
    desk: Visit, visiting: Visiting, alice: Person
) -> None:
    path = begun(desk, "Gone for a moment")
    third, other = visiting(alice), visiting(alice)
    third.open(path)
    other.open()
    do(other, path, "Delete")
    for visit in (desk, third):
        expect(visit.page.locator(".flashes")).to_contain_text("This chat is in the bin now.")
        expect(visit.composer).to_be_hidden()
    desk.page.get_by_role("button", name="Bring back").click()
    for visit in (desk, third):
        expect(visit.composer).to_be_visible()
        expect(row(visit, path)).to_have_count(1)


def test_an_answer_that_ends_elsewhere_is_marked_until_it_is_looked_at(
    desk: Visit, visiting: Visiting, alice: Person
) -> None:
    desk.app.ollama.default.hold_at = 5
    path = desk.begin("News for the other tab")
    other = visiting(alice)
    other.open()
    desk.open("/chats/bin/")
    desk.app.ollama.default.hold_at = None
    expect(row(other, path).locator(".fresh")).to_have_count(1, timeout=PATIENCE)
    for visit in (desk, other):
        expect(visit.page).to_have_title(re.compile("^● "))
    desk.open(path)
    expect(row(other, path).locator(".fresh")).to_have_count(0)
    for visit in (desk, other):
        expect(visit.page).to_have_title(re.compile("^[^●]"))


def test_an_archived_chat_is_read_when_it_is_opened(desk: Visit) -> None:
    path = desk.begin("Read in the archive")
    desk.open()
    expect(row(desk, path).locator(".fresh")).to_have_count(1, timeout=PATIENCE)
    do(desk, path, "Archive")
    expect(row(desk, path)).to_have_count(0)
    with desk.page.expect_response(lambda answer: answer.url.endswith("/read/")) as told:
        desk.open(path)
    assert told.value.status == 204
    expect(desk.page).to_have_title(re.compile("^[^●]"))


@pytest.mark.usefixtures("quick")
def test_a_draft_goes_from_device_to_device_and_the_newest_wins(desk: Visit, phone: Visit) -> None:
    path = begun(desk, "Drafts")

    def typed(visit: Visit, words: str) -> None:
        with visit.page.expect_response(lambda answer: answer.url.endswith("/draft/")):
            visit.write(words)

    typed(desk, "from the desk")
    phone.open(path)
    expect(phone.composer).to_have_value("from the desk")
    typed(desk, "more from the desk")
    phone.page.reload()
    expect(phone.composer).to_have_value("more from the desk")
    typed(phone, "the phone has the last word")
    desk.page.reload()
    expect(desk.composer).to_have_value("the phone has the last word")
    desk.composer.press("Enter")
    expect(desk.answers).to_have_count(2)
    phone.page.reload()
    expect(phone.composer).to_have_value("")


def test_the_list_grows_as_one_scrolls_and_stays_where_it_is(visiting: Visiting, app: App) -> None:
    visit = somebody(visiting, app, "many", 200)
    visit.open()
    rows, side = visit.page.locator(".chat-row"), visit.page.locator("chat-list")
    expect(rows).to_have_count(60)
    for count in (120, 180, 200):
        side.evaluate("list => list.scrollTo(0, list.scrollHeight)")
        expect(rows).to_have_count(count)
    names = [" ".join(name.split()) for name in visit.page.locator(".day").all_text_contents()]
    assert len(names) == len(set(names))
    side.evaluate("list => list.scrollTo(0, 3000)")
    with visit.page.expect_response(lambda answer: "/chats/list/" in answer.url):
        visit.page.evaluate(REFRESH)
    visit.page.wait_for_timeout(300)
    expect(rows).to_have_count(200)
    visit.wait_for(lambda: side.evaluate("list => list.scrollTop") == 3000, "the same place")


def test_several_are_chosen_by_shift_and_by_keys_and_put_away(visiting: Visiting, app: App) -> None:
    visit = somebody(visiting, app, "tidy", 8)
    visit.open("/chats/all/")
    boxes, delete = (
        visit.page.locator("[name=chat]"),
        visit.page.get_by_role("button", name="Delete", exact=True),
    )
    expect(delete.last).to_be_disabled()
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    assert [box.is_checked() for box in boxes.all()] == [False, True, True, True, True, False, False, False]
    boxes.nth(2).focus()
    visit.page.keyboard.press("Space")
    delete.last.click()
    expect(visit.page.locator(".flashes")).to_contain_text("3 chats are in the bin.")
    expect(boxes).to_have_count(5)
    visit.open("/chats/bin/")
    visit.page.get_by_label("Choose all").check()
    visit.page.get_by_role("button", name="Bring back").click()
    expect(visit.page.locator(".many")).to_contain_text("Nothing here.")


def swipe(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Draw one finger across the screen."""
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, Any]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": start[0], "y": start[1]})
    for step in range(1, 9):
        x, y = (start[axis] + (end[axis] - start[axis]) * step / 8 for axis in (0, 1))
        touch("touchMove", {"x": x, "y": y})
    touch("touchEnd")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_finger_opens_the_drawer_from_the_edge_and_pushes_it_shut(
    visiting: Visiting, alice: Person, motion: str
) -> None:
    phone = visiting(alice, phone=True, reduced_motion=motion)
    phone.open()
    side, opener = phone.page.locator("#side"), phone.page.locator(".menu-button")
    expect(opener).to_have_attribute("aria-expanded", "false")
    swipe(phone.page, (150, 300), (320, 300))
    swipe(phone.page, (8, 200), (40, 500))
    expect(side).not_to_be_in_viewport()
    swipe(phone.page, (8, 300), (200, 310))
    expect(side).to_be_in_viewport(ratio=1)
    expect(opener).to_have_attribute("aria-expanded", "true")
    swipe(phone.page, (250, 300), (60, 310))
    expect(side).not_to_be_in_viewport()
    expect(opener).to_have_attribute("aria-expanded", "false")


def test_code_still_scrolls_across_under_a_finger(phone: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["```\n" + "wide " * 80 + "\n```"])
    phone.open()
    phone.write("Wide code")
    phone.page.get_by_role("button", name="Send").click()
    phone.page.wait_for_url("**/chats/*/")
    phone.wait_for_end()
    code = phone.prose.locator("pre")
    box = code.bounding_box()
    assert box
    swipe(phone.page, (300, int(box["y"] + 20)), (60, int(box["y"] + 20)))
    phone.wait_for(
        lambda: bool(code.evaluate("pre => pre.scrollLeft + pre.firstElementChild.scrollLeft")), "code moved"
    )
    expect(phone.page.locator("#side")).not_to_be_in_viewport()
