"""Markdown while it is written and afterwards: the same text, nothing that runs, code that can be copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visits import Visit
from tests.processes import App
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SAMPLE = (Path(__file__).parent / "sample.md").read_text()
CODE = 'def heat(cop):\n    return cop * 3  # "simple" & <short>\n'
# What a reader sees, without the parts that only one of the two has.
SEEN = """prose => {
  const copy = prose.cloneNode(true);
  for (const bar of copy.querySelectorAll(".code-bar")) bar.remove();
  return [...copy.querySelectorAll("p, li, h2, pre, td, th, blockquote, a, strong, em, s")]
    .map(node => `${node.localName} ${node.textContent.trim().replace(/\\s+/g, " ")}`);
}"""


def paste(page: Page) -> str:
    """Return what the clipboard holds, by pasting it."""
    page.locator("#content").fill("")
    page.locator("#content").press("Control+v")
    return page.locator("#content").input_value()


def test_the_streamed_text_is_what_the_server_renders(desk: Visit, app: App) -> None:
    letters = [SAMPLE[at : at + 3] for at in range(0, len(SAMPLE), 3)]
    app.ollama.default = Script(tokens=[*letters, "\n\nThe", " end"], rate=250)
    hold = "**/chats/*/messages/*/"
    desk.page.route(hold, lambda route: None)
    desk.begin("Show me everything")
    expect(desk.prose).to_contain_text("The end")
    streamed = desk.prose.evaluate(SEEN)
    assert desk.page.locator("chat-message[data-running]").count() == 1
    desk.page.unroute(hold)
    desk.page.reload()
    desk.wait_for_end()
    assert streamed == desk.prose.evaluate(SEEN)


def test_nothing_that_a_model_writes_runs(desk: Visit, app: App) -> None:
    evil = (
        '<img src=x onerror="window.pwned=1"> <script>window.pwned=2</script>\n\n'
        "[click](javascript:window.pwned=3) ![p](javascript:window.pwned=4)\n\n"
        '```"onmouseover=window.pwned=5\n<b>x</b>\n```\n\n<style>body{display:none}</style>\n'
    )
    app.ollama.default = Script(tokens=[evil[at : at + 4] for at in range(0, len(evil), 4)], rate=100)
    desk.begin("Be evil")
    desk.wait_for_words(5)
    unsafe = (
        "prose => prose.querySelectorAll('img, script, style, [onerror], a[href^=\"javascript\"]').length"
    )
    assert desk.prose.evaluate(unsafe) == 0
    desk.wait_for_end()
    assert desk.prose.evaluate(unsafe) == 0
    assert desk.page.evaluate("window.pwned") is None


@pytest.mark.parametrize("final", [False, True])
def test_a_code_block_is_copied(desk: Visit, app: App, final: bool) -> None:
    told = f"Look:\n\n```python\n{CODE}```\n\nDone " + "word " * 40
    tokens = [told[at : at + 5] for at in range(0, len(told), 5)]
    app.ollama.default = Script(tokens=tokens, rate=60, hold_at=None if final else len(tokens) - 10)
    desk.begin("Code, please")
    expect(desk.prose).to_contain_text("Done")
    if final:
        desk.wait_for_end()
    block = desk.answer.locator(".code-block")
    expect(block.locator(".code-bar span")).to_have_text("python")
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button", name="Copied")).to_be_visible()
    assert paste(desk.page) == CODE
    desk.page.keyboard.press("Escape")
    desk.wait_for_end()


def test_the_whole_answer_is_copied_as_it_was_written(desk: Visit, app: App) -> None:
    app.ollama.default = Script(tokens=["**bold** and <b>not</b>"])
    desk.begin("Bold, please")
    desk.wait_for_end()
    desk.answer.locator("[data-copy-answer]").click()
    expect(desk.answer.locator("[data-copy-answer]")).to_have_text("Copied")
    assert paste(desk.page) == "**bold** and <b>not</b>"


def test_plain_text_is_copied_without_buttons_and_with_formulas_as_tex(desk: Visit, app: App) -> None:
    lines = [f"line {n}" for n in range(40)]
    written = ["So **big** is $E = mc^2$:\n\n", "```python\n", *[f"{line}\n" for line in lines], "```\n"]
    app.ollama.default = Script(tokens=written)
    desk.begin("Code, please")
    desk.wait_for_end()
    desk.page.reload()
    expect(desk.prose.locator(".katex")).to_have_count(1)
    expect(desk.answer.get_by_role("button", name="Show all 40 lines")).to_be_visible()
    desk.answer.locator("[data-more]").click()
    desk.page.get_by_role("menuitem", name="Copy as plain text").click()
    expect(desk.page.locator(".flashes")).to_contain_text("Copied")
    assert paste(desk.page).split() == ["So", "big", "is", "$E", "=", "mc^2$:", *" ".join(lines).split()]
