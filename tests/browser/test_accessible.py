"""Every page at every width, in both looks and languages.

axe-core finds nothing serious, the browser complains of nothing, nothing scrolls sideways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.furnished import furnish
from tests.browser.visits import Visit, new_context
from tests.processes import App, Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]
AXE = (Path(__file__).parent / "vendor/axe-core-4.14.1/axe.min.js").read_text()
SERIOUS = {"serious", "critical"}
RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map(({id, impact, nodes}) =>
    ({id, impact, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 160))}));
}"""
WIDTHS, LOOKS, LANGUAGES = (360, 768, 1440), ("light", "dark"), ("en-GB", "ru-RU")
ALL = list(product(WIDTHS, LOOKS, LANGUAGES))
PAIRS = [
    (360, "light", "ru-RU"), (360, "dark", "en-GB"), (768, "light", "en-GB"), (768, "dark", "ru-RU"),
    (1440, "light", "ru-RU"), (1440, "dark", "en-GB"),
]  # fmt: skip
"""Each two of width, look and language together at least once."""


@dataclass
class Home:
    """The app, somebody who lives in it, and their chat with something of everything."""

    app: App
    person: Person
    chat: int


@pytest.fixture(scope="module")
def home(stack: App) -> Home:
    person = stack.person("vera", role="admin")
    return Home(stack, person, furnish(stack, person))


def nothing(_page: Page) -> None:
    """Leave the page as it comes."""


def open_menu(page: Page) -> None:
    page.locator("[data-more]").last.click()


def open_plus(page: Page) -> None:
    page.locator("plus-menu > button").click()


def open_settings(page: Page) -> None:
    if page.locator("a.icon-link").is_visible():
        page.locator("a.icon-link").click()
    else:
        open_plus(page)
        page.locator("plus-menu [data-dialog]").click()
    page.locator(".page-dialog[open]").wait_for()


def open_gauge(page: Page) -> None:
    page.locator(".gauge > summary").click()


def open_editor(page: Page) -> None:
    page.locator(".message.user").last.hover()
    page.locator("[data-edit]").last.click()


def open_help(page: Page) -> None:
    page.locator("#main").press("?")
    page.locator("#help").wait_for()


def open_card(page: Page) -> None:
    page.locator("gpu-status .chip:visible").first.click()
    page.get_by_role("dialog").wait_for()


PAGES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "chat": ("/chats/{chat}/", nothing),
    "new chat": ("/", nothing),
    "menu": ("/chats/{chat}/", open_menu),
    "plus": ("/chats/{chat}/", open_plus),
    "settings": ("/chats/{chat}/", open_settings),
    "gauge": ("/chats/{chat}/", open_gauge),
    "editor": ("/chats/{chat}/", open_editor),
    "help": ("/chats/{chat}/", open_help),
    "card panel": ("/chats/{chat}/", open_card),
    "all chats": ("/chats/all/", nothing),
    "bin": ("/chats/bin/", nothing),
    "search": ("/search/?q=насос", nothing),
    "exports": ("/chats/export/", nothing),
    "my settings": ("/chats/settings/", nothing),
    "models": ("/models/", nothing),
    "pictures": ("/pictures/", nothing),
    "card": ("/card/", nothing),
    "account": ("/accounts/", nothing),
    "second factor": ("/accounts/second-factor/", nothing),
}
SOME = [("chat", pair) for pair in PAIRS] + [
    (name, PAIRS[place % len(PAIRS)]) for place, name in enumerate(PAGES) if name != "chat"
]


@pytest.fixture
def visited(home: Home, chromium: Browser) -> Iterator[Callable[..., Page]]:
    visits: list[Visit] = []

    def visit(name: str, width: int, look: str, language: str, person: Person | None) -> Page:
        context = new_context(
            chromium,
            home.app,
            person,
            home.app.url,
            viewport={"width": width, "height": 800},
            color_scheme=look,
            locale=language,
            reduced_motion="reduce",
        )
        visits.append(Visit(home.app, context.new_page(), home.app.url))
        address, act = PAGES.get(name, (name, nothing))
        visits[-1].open(address.format(chat=home.chat))
        page = visits[-1].page
        page.wait_for_load_state("networkidle")
        act(page)
        return page

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


def check(page: Page) -> None:
    """Fail with what axe-core finds, and when the page is wider than its window."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN)
    assert [line for line in found if line["impact"] in SERIOUS] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("name", "how"), SOME)
def test_everybody_can_use_each_page(
    home: Home, visited: Callable[..., Page], name: str, how: tuple[int, str, str]
) -> None:
    check(visited(name, *how, home.person))


def test_the_check_sees_what_is_wrong(home: Home, visited: Callable[..., Page]) -> None:
    page = visited("all chats", *PAIRS[0], home.person)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        check(page)


@pytest.mark.parametrize("how", PAIRS[:2])
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/"])
def test_the_door_is_open_to_everybody(
    visited: Callable[..., Page], path: str, how: tuple[int, str, str]
) -> None:
    check(visited(path, *how, None))


@pytest.mark.long
@pytest.mark.parametrize("how", ALL)
@pytest.mark.parametrize("name", PAGES)
def test_each_page_at_each_width_in_each_look_and_language(
    home: Home, visited: Callable[..., Page], name: str, how: tuple[int, str, str]
) -> None:
    check(visited(name, *how, home.person))
