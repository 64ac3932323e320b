"""One running app and one Chromium for the folder; a browser context for each visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from launch.network import lan_addresses
from tests.browser.visits import PATIENCE, PHONE, Visit, new_context
from tests.processes import App, Person, running_app
from tests.standins.ollama_script import Script

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

expect.set_options(timeout=PATIENCE)


class Visiting(Protocol):
    """Opens a browser for somebody."""

    def __call__(self, person: Person | None = ..., *, phone: bool = ..., **options: Any) -> Visit: ...


@pytest.fixture(scope="package")
def stack() -> Iterator[App]:
    addresses = ",".join(lan_addresses())
    with running_app(HOST="0.0.0.0", LAN_ADDRESSES=addresses) as app:
        yield app


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def app(stack: App) -> Iterator[App]:
    ollama = stack.ollama
    models = dict(ollama.models)
    ollama.reset()
    ollama.default = Script(tokens=[f"w{n} " for n in range(40)], rate=20)
    yield stack
    ollama.models.clear()
    ollama.models.update(models)
    ollama.load_seconds, ollama.pull_seconds, ollama.pull_error = 0.0, 0.05, ""


@pytest.fixture(scope="package")
def alice(stack: App) -> Person:
    return stack.person("alice")


@pytest.fixture(scope="package")
def admin(stack: App) -> Person:
    return stack.person("root", role="admin")


@pytest.fixture
def visiting(app: App, chromium: Browser) -> Iterator[Visiting]:
    """Open any number of browsers; at the end none of them may have complained."""
    visits: list[Visit] = []

    def visit(
        person: Person | None = None, *, phone: bool = False, url: str = app.url, **options: Any
    ) -> Visit:
        if phone:
            options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, **options}
        context = new_context(chromium, app, person, url, **options)
        visits.append(Visit(app, context.new_page(), url))
        return visits[-1]

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


@pytest.fixture
def desk(visiting: Visiting, alice: Person) -> Visit:
    """Alice at her desk."""
    return visiting(alice)


@pytest.fixture
def phone(visiting: Visiting, alice: Person) -> Visit:
    """Alice with her phone."""
    return visiting(alice, phone=True)
