"""The screens of docs/screens: what a household sees, on the desk and on the phone, by day and by night.

`python -m bench.screens` runs the app beside scripted services, opens it in Chromium and writes the
pictures and the page that shows them.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.furnished import furnish
from tests.browser.visits import PHONE, WIDE, new_context
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script
from tests.standins.tavily import KEY, ScriptedTavily

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screens"
CHROMIUM = "/usr/bin/chromium"
COLOURS = 128  # of a picture; screens are flat, and the repository stays small
PROMPT = "A red fox stands in deep snow at dusk. Its fur glows in the last light."


@dataclass(frozen=True)
class Screen:
    """One picture: where, what is done first, and how it is looked at."""

    name: str
    about: str
    path: str
    act: Callable[[Page], None] = lambda _page: None
    phone: bool = False
    dark: bool = False
    english: bool = False


def press(selector: str) -> Callable[[Page], None]:
    """Return what presses the last thing that is there."""
    return lambda page: page.locator(f"{selector}:visible").last.click()


def top(page: Page) -> None:
    page.locator("chat-log").evaluate("log => (log.scrollTop = 0)")


SCREENS = [
    Screen("chat", "A conversation: table, formula, sources, thoughts", "/chats/{chat}/", top),
    Screen("chat-en", "The same in English", "/chats/{chat}/", top, english=True),
    Screen("chat-dark", "The same in the dark, with code", "/chats/{chat}/", dark=True, english=True),
    Screen("phone", "On a phone", "/chats/{chat}/", top, phone=True),
    Screen(
        "phone-list",
        "The list of chats on a phone",
        "/chats/{chat}/",
        press(".menu-button"),
        phone=True,
        dark=True,
    ),
    Screen("gauge", "What the model sees of a chat", "/chats/{chat}/", press(".gauge > summary")),
    Screen("menu", "What can be done with a message", "/chats/{chat}/", press("[data-more]"), english=True),
    Screen("plus", "What the plus holds", "/chats/{chat}/", press("plus-menu > button"), phone=True),
    Screen("settings", "Instructions, thinking, numbers", "/chats/{chat}/", press("a.icon-link")),
    Screen("card", "Who has the card, and who waits", "/chats/{chat}/", press("gpu-status .chip"), dark=True),
    Screen("picture", "A picture in four variants", "/chats/{picture}/"),
    Screen("pictures", "All pictures, on a phone", "/pictures/", phone=True),
    Screen("models", "The models", "/models/", english=True),
    Screen("search", "Looking for words in all chats", "/search/?q=насос"),
    Screen("keys", "The keys", "/chats/{chat}/", lambda page: page.locator("#main").press("?"), english=True),
]


def take(browser: Browser, app: App, person: Person, screen: Screen, places: dict[str, int]) -> None:
    """Write one screen."""
    context = new_context(
        browser,
        app,
        person,
        app.url,
        viewport=PHONE if screen.phone else WIDE,
        color_scheme="dark" if screen.dark else "light",
        locale="en-GB" if screen.english else "ru-RU",
        device_scale_factor=2 if screen.phone else 1,
        is_mobile=screen.phone,
        has_touch=screen.phone,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(app.url + screen.path.format(**places))
    page.wait_for_load_state("networkidle")
    screen.act(page)
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS).save(FOLDER / f"{screen.name}.png", optimize=True)
    context.close()


def draw(app: App, person: Person) -> int:
    """Have a picture drawn in four variants; return its chat."""
    app.ollama.default = Script(tokens=[json.dumps({"prompt": PROMPT})])
    wish = {"description": "Рыжая лиса в снегу на закате", "batch_count": 4, "wait": True}
    told: dict[str, Any] = app.call(person, "/api/image/generate", wish).json()
    return int(told["chat_id"])


def show(screens: list[Screen]) -> str:
    """Return the page of all screens."""
    lines = ["# Screens", "", "Written by `python3 start.py bench screens`.", ""]
    for screen in screens:
        width = 240 if screen.phone else 640
        lines += [
            f"{screen.about}:",
            "",
            f'<img src="{screen.name}.png" width="{width}" alt="{screen.about}">',
            "",
        ]
    return "\n".join(lines)


def main() -> int:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        ScriptedTavily() as web,
        ScriptedComfyUI() as comfyui,
        running_app(TAVILY_API_KEY=KEY, TAVILY_URL=web.url, COMFYUI_URL=comfyui.url, GPU_SETTLE="0") as app,
        sync_playwright() as playwright,
    ):
        comfyui.picture_seconds = 0.1
        person = app.person("anna", role="admin")
        places = {"picture": draw(app, person), "chat": furnish(app, person)}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for screen in SCREENS:
            take(browser, app, person, screen, places)
    (FOLDER / "README.md").write_text(show(SCREENS), encoding="utf-8")
    sys.stdout.write(f"{len(SCREENS)} screens in {FOLDER.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
