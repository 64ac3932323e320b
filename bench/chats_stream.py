"""What a reader's browser does while an answer comes: frames a second, and what the first page weighs.

`python -m bench.chats_stream` prints a Markdown table and writes it to build/bench-chats-stream.md. The
browser draws without a graphics card, as in the tests: a reader's own has it easier.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench.processes import ROOT
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.visits import Visit, new_context
from tests.processes import App, running_app
from tests.standins.ollama_script import Script

TOKENS, RATE = 10_000, 500
REPORT = ROOT / "build" / "bench-chats-stream.md"
COLUMNS = ("what", "frames a second, mean", "worst second (aim 30)", "longest frame", "rendered in all")

SECTION = """
## Part {n}

Some words about **heat pumps** and `code`, with $x_{n}^2$ and a [link](https://a.example).

- one thing
- another thing, a bit longer than the first
- [x] done

| a | b |
| --- | --- |
| 1 | 2 |

```python
def part_{n}(x):
    return x * {n}
```
"""
COUNT = """() => {
  globalThis.frames_seen = [];
  const note = at => { frames_seen.push(at); requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""


def pieces(text: str) -> list[str]:
    """Return the text as tokens of about four letters."""
    return [text[at : at + 4] for at in range(0, len(text), 4)][:TOKENS]


def texts() -> dict[str, list[str]]:
    """Return what is streamed, by its name."""
    everything = "".join(SECTION.replace("{n}", str(n)) for n in range(400))
    listed = "".join(f"- point {n} with **some** more words to it\n" for n in range(2000))
    coded = "```python\n" + "".join(f"value_{n} = compute({n})  # a line\n" for n in range(2000))
    return {
        "single letters, for comparison": ["a "] * (TOKENS // 4),
        "an answer with everything in it": pieces(everything),
        "one list": pieces(listed),
        "one block of code": pieces(coded),
    }


def watch(app: App, browser: Browser, session: Any, tokens: Sequence[str]) -> list[float]:
    """Return the moments, in ms, at which frames were drawn while an answer came."""
    app.ollama.default = Script(tokens=tokens, rate=RATE)
    context = new_context(browser, app, session, app.url, reduced_motion="no-preference")
    visit = Visit(app, context.new_page(), app.url)
    visit.begin("Write a lot")
    visit.page.evaluate(COUNT)
    visit.answer.locator(".prose > *").first.wait_for()
    visit.page.evaluate("frames_seen.length = 0")
    visit.page.locator("chat-message.assistant[data-status=complete]").wait_for(timeout=120_000)
    moments = visit.page.evaluate("frames_seen")
    context.close()
    return list(moments)


def row(what: str, moments: list[float]) -> tuple[str, ...]:
    """Return a line of the table."""
    gaps = [late - early for early, late in pairwise(moments)]
    seconds = (moments[-1] - moments[0]) / 1000
    by_second = [0] * int(seconds)
    for moment in moments:
        second = int((moment - moments[0]) / 1000)
        if second < len(by_second):
            by_second[second] += 1
    worst = str(min(by_second, default=0))
    return (what, f"{len(gaps) / seconds:.0f}", worst, f"{max(gaps):.0f} ms", f"{seconds:.1f} s")


def weigh(page: Page, url: str) -> list[tuple[str, int]]:
    """Return (path, bytes when compressed) of all that a first visit loads, the heaviest first."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    parts = [
        (answer.url.removeprefix(url), len(gzip.compress(answer.body(), 9)))
        for answer in answers
        if answer.ok
    ]
    return sorted(parts, key=lambda part: -part[1])


def main() -> None:
    """Measure and print."""
    with running_app() as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        person = app.person("anna")
        rows: list[tuple[str, ...]] = [COLUMNS, ("---",) * len(COLUMNS)]
        rows += [row(what, watch(app, browser, person, tokens)) for what, tokens in texts().items()]
        weights = weigh(new_context(browser, app, person, app.url).new_page(), app.url)
        browser.close()
    table = "\n".join(f"| {' | '.join(line)} |" for line in rows)
    total = sum(weight for _, weight in weights) / 1000
    heaviest = ", ".join(f"{path} {weight / 1000:.1f}" for path, weight in weights[:6])
    told = f"{table}\n\nFirst load: {total:.0f} kB compressed (aim 120); heaviest: {heaviest}\n"
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(told, encoding="utf-8")
    print(told)


if __name__ == "__main__":
    main()
