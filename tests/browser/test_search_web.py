"""A web search: the switch, the numbers in the text, the chips below, and what is said when it fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visits import PHONE, Visit, new_context
from tests.processes import App, running_app
from tests.standins.ollama_script import Script
from tests.standins.tavily import KEY, ScriptedTavily

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def web() -> Iterator[ScriptedTavily]:
    with ScriptedTavily() as tavily:
        yield tavily


@pytest.fixture(scope="module")
def searching(web: ScriptedTavily) -> Iterator[App]:
    with running_app(TAVILY_API_KEY=KEY, TAVILY_URL=web.url) as app:
        yield app


@pytest.fixture
def visit(searching: App, web: ScriptedTavily, chromium: Browser) -> Iterator[Visit]:
    web.finds(
        ("Луна — Википедия", "https://moon.example/wiki", "384 400 км"),
        ("<img src=x onerror=alert(1)>", "https://www.other.example/", "<script>alert(1)</script>"),
    )
    web.status = 200
    searching.ollama.default = Script(tokens=["До Луны ", "384 400 км [1]", "[2], ", "не [7]."], rate=20)
    context = new_context(chromium, searching, searching.person("anna"), searching.url)
    visit = Visit(searching, context.new_page(), searching.url)
    yield visit
    complaints = visit.complaints()
    context.close()
    assert complaints == []


def test_sources_stand_below_the_answer_and_behind_its_numbers(visit: Visit) -> None:
    visit.open()
    switch = visit.page.get_by_role("checkbox", name="Web")
    switch.check(force=True)
    visit.send("Как далеко Луна?")
    visit.page.wait_for_url("**/chats/*/")
    visit.wait_for_end()
    for _look in range(2):
        expect(visit.page.locator(".prose .cite")).to_have_text(["1", "2"])
        expect(visit.page.locator(".prose .cite").first).to_have_attribute(
            "href", "https://moon.example/wiki"
        )
        expect(visit.prose).to_contain_text("не [7]")
        expect(visit.page.locator(".cited")).to_have_count(2)
        expect(visit.page.locator(".cited").last).to_contain_text("other.example")
        assert not visit.scrolls_sideways()
        visit.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        visit.page.reload()
    expect(switch).to_be_checked()


def test_a_search_that_fails_is_said_and_the_answer_comes(visit: Visit, web: ScriptedTavily) -> None:
    web.status = 432
    visit.open()
    visit.page.get_by_role("checkbox", name="Web").check(force=True)
    visit.send("Ещё вопрос без ответа в сети?")
    visit.page.wait_for_url("**/chats/*/")
    visit.wait_for_end()
    expect(visit.page.locator(".notice")).to_contain_text("quota is used up")
    expect(visit.prose).to_contain_text("384 400")
