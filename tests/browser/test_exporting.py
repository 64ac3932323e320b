"""Chats leave as files and come back, by the pages alone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import App, Person
from tests.standins.ollama_script import Script

ANSWER = "Да, **это так**.\n\n```python\nprint('ёж')\n```\n\n<img src=x onerror=alert(1)>"


def test_a_chat_leaves_as_a_page_that_runs_nothing_and_comes_back_from_json(
    desk: Visit, tmp_path: Path
) -> None:
    desk.app.ollama.default = Script(tokens=[ANSWER])
    path = desk.begin("Ежи спят зимой?")
    desk.wait_for_end()
    desk.open(path)
    row = desk.page.locator(".chat-row:has(a[aria-current])")
    menu = desk.page.locator("#row-menu")

    def opened() -> bool:
        row.hover()
        row.locator("[data-row-more]").click()
        return menu.is_visible()  # the list may have been drawn anew under the pointer

    desk.wait_for(opened, "the menu of the chat's row")
    menu.locator(".export > summary").click()
    files = {}
    for name, form in (("Page", "html"), ("JSON", "json")):
        with desk.page.expect_download() as download:
            menu.get_by_role("link", name=name, exact=True).click()
        files[form] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[form])
    assert files["html"].name == "Ежи спят зимой.html"

    desk.page.goto(files["html"].as_uri())
    expect(desk.page.get_by_role("heading", name="Ежи спят зимой?")).to_be_visible()
    expect(desk.page.locator("strong")).to_have_text("это так")
    expect(desk.page.locator("pre")).to_have_text("print('ёж')\n")
    expect(desk.page.locator("img")).to_have_count(0)
    assert not desk.scrolls_sideways()

    desk.open("/chats/export/")
    desk.page.get_by_label("File").set_input_files(files["json"])
    desk.page.get_by_role("button", name="Import").click()
    desk.page.wait_for_url("**/chats/*/")
    assert desk.path != path
    expect(desk.page.locator(".flashes")).to_contain_text("1 chat is here.")
    expect(desk.prose.locator("strong")).to_have_text("это так")


def test_a_file_of_something_else_is_refused_in_words(desk: Visit, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"mapping": {}}')
    desk.open("/chats/export/")
    desk.page.get_by_label("File").set_input_files(tmp_path / "other.json")
    desk.expect_trouble("400")
    desk.page.get_by_role("button", name="Import").click()
    expect(desk.page.locator("body")).to_contain_text("This file is not what this app writes")


def test_everything_leaves_as_one_zip(phone: Visit) -> None:
    phone.open("/chats/export/")
    with phone.page.expect_download() as download:
        phone.page.get_by_role("link", name="Download all").tap()
    assert download.value.suggested_filename.startswith("chats-")
    assert Path(download.value.path()).read_bytes().startswith(b"PK")
    assert not phone.scrolls_sideways()


def test_times_in_text_are_those_of_the_browsers_zone(visiting: Visiting, alice: Person, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    visit = visiting(alice, timezone_id="Asia/Kathmandu")
    path = visit.begin("What time is it?")
    visit.wait_for_end()
    app.manage("shell", "-c", AT_HALF_PAST.format(chat=path.strip("/").split("/")[-1]))
    exported = visit.page.request.get(f"{visit.url}{path}export/?format=md").text()
    assert "2:15 a.m." in exported


AT_HALF_PAST = """
from datetime import datetime, UTC
from chats.models import Message
Message.objects.filter(chat={chat}).update(created_at=datetime(2026, 3, 1, 20, 30, tzinfo=UTC))
"""
