"""How the page looks and is reached: phone, dark, Russian, keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import App, Person
from tests.standins.ollama_script import Script

GROUNDS = ("bg", "surface", "sunken")
pytestmark = [pytest.mark.browser, pytest.mark.processes]
WIDE_TEXT = (
    "Intro https://example.org/" + "verylong" * 30 + "\n\n```python\n" + "x = " + "1 + " * 90 + "1\n```\n\n"
    "| "
    + " | ".join(f"column {n}" for n in range(14))
    + " |\n|"
    + "---|" * 14
    + "\n|"
    + " cell |" * 14
    + "\n"
)
SMALL_TARGETS = """() => [...document.querySelectorAll("a, button, summary, input, textarea")]
  .filter(node => node.checkVisibility({visibilityProperty: true}) && !node.closest(".prose, .unseen, .skip"))
  .filter(node => !node.matches(".skip, .unseen, [type=radio], [type=checkbox], .fold summary"))
  .map(node => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
  .map(([html, box]) => `${Math.round(box.width)}x${Math.round(box.height)} ${html}`)"""


def test_nothing_scrolls_sideways_on_a_phone_but_code(phone: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=[WIDE_TEXT])
    phone.open()
    assert not phone.scrolls_sideways()
    phone.write("a" * 300)
    phone.page.get_by_role("button", name="Send").click()
    phone.page.wait_for_url("**/chats/*/")
    phone.wait_for_end()
    assert not phone.scrolls_sideways()
    assert phone.page.locator("chat-log").evaluate("log => log.scrollWidth <= log.clientWidth")
    assert phone.answer.locator("pre.code").evaluate("pre => pre.scrollWidth > pre.clientWidth")


def test_everything_on_a_phone_is_large_enough_to_touch(phone: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    phone.open()
    phone.write("Hello")
    phone.page.get_by_role("button", name="Send").click()
    phone.page.wait_for_url("**/chats/*/")
    phone.wait_for_end()
    assert phone.page.evaluate(SMALL_TARGETS) == []
    phone.page.locator(".menu-button").click()
    phone.page.locator(".account > summary").click()
    assert phone.page.evaluate(SMALL_TARGETS) == []


def test_enter_breaks_the_line_on_a_phone(phone: Visit) -> None:
    phone.open()
    phone.write("one")
    phone.composer.press("Enter")
    phone.composer.type("two")
    expect(phone.composer).to_have_value("one\ntwo")
    phone.write("")


def test_the_drawer_opens_holds_the_focus_and_closes(phone: Visit) -> None:
    phone.open()
    side = phone.page.locator("#side")
    expect(side).to_be_hidden()
    phone.page.locator(".menu-button").click()
    expect(side).to_be_visible()
    assert phone.page.locator("#main").evaluate("main => main.inert")
    phone.page.keyboard.press("Escape")
    expect(side).to_be_hidden()
    expect(phone.page.locator(".menu-button")).to_be_focused()


def test_the_theme_follows_the_system_until_it_is_chosen(visiting: Visiting, alice: Person) -> None:
    visit = visiting(alice, color_scheme="dark")
    visit.open()
    root = visit.page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    visit.page.locator(".account > summary").click()
    visit.page.get_by_role("button", name="Light").click()
    expect(root).to_have_attribute("data-theme", "light")
    visit.page.reload()
    expect(root).to_have_attribute("data-theme", "light")
    visit.page.locator(".account > summary").click()
    visit.page.get_by_role("button", name="Auto").click()
    expect(root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_text_have_contrast(visiting: Visiting, alice: Person, scheme: str) -> None:
    visit = visiting(alice, color_scheme=scheme)
    visit.open()
    pairs = [
        *((text, back) for text in ("text", "muted", "faint", "accent") for back in GROUNDS),
        *((text, "accent-soft") for text in ("text", "muted", "accent")),
        *((f"code-{part}", "sunken") for part in ("comment", "keyword", "string", "number", "name", "type")),
        ("accent-text", "accent"), ("text", "bad-soft"), ("bad", "bad-soft"), ("bad", "surface"),
        ("text", "warn-soft"), ("warn", "bg"),
    ]  # fmt: skip
    poor = {pair: ratio for pair in pairs if (ratio := visit.page.evaluate(CONTRAST, list(pair))) < 4.5}
    assert poor == {}


CONTRAST = """([text, back]) => {
  const style = getComputedStyle(document.documentElement);
  const light = name => {
    const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
    const parts = [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [light(text), light(back)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def test_the_page_speaks_russian(visiting: Visiting, app: App) -> None:
    app.ollama.default.hold_at = 5
    visit = visiting(app.person("boris"), locale="ru-RU")
    visit.open()
    expect(visit.page.locator("html")).to_have_attribute("lang", "ru")
    expect(visit.page.get_by_role("link", name="Новый чат")).to_be_visible()
    visit.begin("Привет")
    expect(visit.answer.locator("state-line")).to_contain_text("Пишет")
    visit.page.get_by_role("button", name="Остановить").click()
    visit.wait_for_end()
    expect(visit.answer).to_contain_text("Остановлено")
    assert not visit.scrolls_sideways()


def test_the_language_is_changed_in_the_account_panel(visiting: Visiting, app: App) -> None:
    visit = visiting(app.person("dora"))
    visit.open()
    visit.page.locator(".account > summary").click()
    visit.page.get_by_role("button", name="Русский").click()
    expect(visit.page.locator("html")).to_have_attribute("lang", "ru")
    visit.page.locator(".account > summary").click()
    visit.page.get_by_role("button", name="English").click()
    expect(visit.page.locator("html")).to_have_attribute("lang", "en")


def test_a_keyboard_is_enough(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.open()
    keyboard = desk.page.keyboard
    desk.page.locator(".skip").focus()
    expect(desk.page.locator(".skip")).to_be_in_viewport()
    for _ in range(60):
        keyboard.press("Tab")
        if desk.page.evaluate("document.activeElement.matches('.picker > summary')"):
            break
    keyboard.press("Enter")
    expect(desk.page.locator(".picker-list")).to_be_visible()
    expect(desk.page.locator("input[name=model]:checked")).to_be_focused()
    keyboard.press("ArrowDown")
    expect(desk.page.locator(".picker-list")).to_be_visible()
    chosen = desk.page.locator("input[name=model]:checked").input_value()
    keyboard.press("Escape")
    expect(desk.page.locator(".picker-list")).to_be_hidden()
    expect(desk.page.locator(".picker-name")).to_have_text(chosen)
    while not desk.page.evaluate("document.activeElement.id === 'content'"):
        keyboard.press("Tab")
    keyboard.type("Only keys")
    keyboard.press("Enter")
    desk.page.wait_for_url("**/chats/*/")
    desk.wait_for_end()
    expect(desk.composer).to_be_focused()
    keyboard.press("Control+k")
    desk.page.wait_for_url(desk.url + "/")


NAMELESS = """() => {
  const usable = "a, button, summary, input:not([type=hidden]), textarea, progress";
  const label = node => node.labels?.[0]?.textContent ?? "";
  const name = node => node.getAttribute("aria-label") || node.textContent || label(node);
  return [...document.querySelectorAll(usable)].filter(node => !name(node).trim())
    .map(node => node.outerHTML.slice(0, 120));
}"""


def test_everything_that_can_be_used_has_a_name(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["```python\nx = 1\n```"])
    desk.begin("Code, please")
    assert desk.page.evaluate(NAMELESS) == []
    desk.wait_for_end()
    assert desk.page.evaluate(NAMELESS) == []
    assert desk.page.locator("h1").count() == 1


def test_a_focus_that_the_keyboard_moves_is_always_seen(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["ok"])
    desk.begin("Hello")
    desk.wait_for_end()
    desk.page.locator(".skip").focus()
    unseen = []
    for _ in range(25):
        desk.page.keyboard.press("Tab")
        if not desk.page.evaluate(FOCUS_SEEN):
            unseen.append(desk.page.evaluate("document.activeElement.outerHTML.slice(0, 100)"))
    assert unseen == []


# The composer shows its focus on the box around the field.
FOCUS_SEEN = """() => {
  const node = document.activeElement;
  if (node === document.body || node.closest(".box textarea")) return true;
  const style = getComputedStyle(node);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""
