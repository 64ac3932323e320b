"""Somebody in front of a browser: what they see and do, and what the browser complains of meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, WebSocketRoute, expect

from tests.processes import App, Person

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
PATIENCE = 20_000  # ms
REPORT_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


@dataclass
class Visit:
    """One tab. `troubles` is all that its console complained of, policy violations among it."""

    app: App
    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(REPORT_POLICY)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(f"{message.text} {message.location.get('url', '')}")

    def expect_trouble(self, pattern: str) -> None:
        """Let the console complain of what this test breaks on purpose."""
        self.expected.append(pattern)

    def complaints(self) -> list[str]:
        """Return what nobody expected."""
        return [line for line in self.troubles if not any(re.search(known, line) for known in self.expected)]

    def open(self, path: str = "/") -> None:
        """Go to a page of the app."""
        self.page.goto(self.url + path)

    def write(self, words: str) -> None:
        """Write into the composer."""
        self.composer.fill(words)

    def send(self, words: str) -> None:
        """Write and send with Enter."""
        self.write(words)
        self.composer.press("Enter")

    def begin(self, words: str) -> str:
        """Begin a chat; return the path of its page."""
        self.open()
        self.send(words)
        self.page.wait_for_url("**/chats/*/")
        return self.path

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    @property
    def composer(self) -> Locator:
        return self.page.locator("#content")

    @property
    def answers(self) -> Locator:
        return self.page.locator("chat-message.assistant")

    @property
    def answer(self) -> Locator:
        """The newest answer."""
        return self.answers.last

    @property
    def prose(self) -> Locator:
        """The newest answer's text."""
        return self.answer.locator(".prose")

    def words(self) -> int:
        """Return how many words of the newest answer are shown."""
        return len((self.prose.text_content() or "").split())

    def wait_for_words(self, count: int) -> None:
        """Return when the newest answer shows so many words."""
        self.wait_for(lambda: self.words() >= count, f"{count} words")

    def wait_for_end(self) -> None:
        """Return when the newest answer is final."""
        expect(self.answer).not_to_have_attribute("data-running", "", timeout=PATIENCE)

    def wait_for(self, look: Callable[[], bool], what: str) -> None:
        """Return when `look` finds what it looks for; fails after a while."""
        for _ in range(PATIENCE // 50):
            if look():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not seen: {what}")

    def scrolls_sideways(self) -> bool:
        """Return whether the page is wider than the window."""
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(script))


class Wire:
    """The page's socket in the test's hand: it can be cut, and kept from coming back."""

    def __init__(self, page: Page) -> None:
        self.cut_off = False
        self.opened = 0
        self._routes: list[WebSocketRoute] = []
        page.route_web_socket(re.compile(r"/ws/$"), self._opened)

    def _opened(self, route: WebSocketRoute) -> None:
        if self.cut_off:
            route.close()
            return
        self.opened += 1
        route.connect_to_server()
        self._routes.append(route)

    def cut(self) -> None:
        """Break the connection and refuse new ones until `mend`."""
        self.cut_off = True
        for route in self._routes:
            route.close()
        self._routes.clear()

    def mend(self) -> None:
        """Let the page connect again."""
        self.cut_off = False


def new_context(
    browser: Browser, app: App, person: Person | None, url: str, **options: Any
) -> BrowserContext:
    """Return a browser of its own, signed in by the session's cookie."""
    settings = {"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce", **options}
    context = browser.new_context(**settings)
    if person:
        context.add_cookies([{"name": "sessionid", "value": person.session, "url": url}])
    return context


def place_of(locator: Locator) -> dict[str, float]:
    """Return where something is on the page; what is just being replaced is looked at again."""
    for _look in range(PATIENCE // 50):
        if place := locator.bounding_box():
            return {name: float(value) for name, value in place.items()}  # type: ignore[arg-type]
        locator.page.wait_for_timeout(50)
    raise AssertionError(f"{locator} is nowhere")
