"""Texts while they grow: at any moment what the server would make of them so far, formulas too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from chats.rendering import render
from tests.browser.visits import Visit, new_context
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]

# A text grows in the page piece by piece; what is seen is told as elements and text, without what only one of
# the two has: the bars above code, its colours, and formulas as they are set.
SETUP = """async () => {
  const { StreamingMarkdown } = await import("/static/js/markdown.js");
  const { typeset } = await import("/static/js/formulas.js");
  const clean = root => {
    for (const bar of root.querySelectorAll(".code-bar, .code-more")) bar.remove();
    for (const block of root.querySelectorAll(".code-block")) block.replaceWith(...block.childNodes);
    for (const code of root.querySelectorAll("pre > code")) code.textContent = code.textContent;
    for (const math of root.querySelectorAll(".math[data-tex]")) math.textContent = math.dataset.tex;
    return root;
  };
  const tell = node => [...node.childNodes].flatMap(child => {
    if (child.nodeType === Node.TEXT_NODE) return [child.data];
    const href = child.getAttribute("href")?.match(/^(https?:\\/\\/.|mailto:|#).*/)?.[0] ?? "";
    const name = `${child.localName}.${child.className} ${href} ${child.title}`;
    return [`<${name}>`, ...tell(child), `</${child.localName}>`];
  });
  const told = root => tell(clean(root)).join("").replace(/\\s+/g, " ").replace(/> </g, "><").trim();
  const message = document.createElement("chat-message");
  message.id = "m7";
  const prose = document.createElement("div");
  prose.className = "prose";
  message.append(prose);
  document.body.append(message);
  globalThis.grow = (text, cuts, sources) => {
    const shown = new StreamingMarkdown(prose);
    shown.cite(sources);
    return cuts.map(cut => {
      shown.update(text.slice(0, cut));
      return told(prose.cloneNode(true));
    });
  };
  globalThis.final = html => told(new DOMParser().parseFromString(html, "text/html").body);
  const formula = new DOMParser().parseFromString('<p class="math">$x$</p>', "text/html").body;
  typeset(formula);
  while (!globalThis.katex) await new Promise(done => setTimeout(done, 20));
}"""

WORDS = [
    "word", "слово", "🦊", "a b", "**bold**", "*slanted*", "~~gone~~", "`code`", "[link](https://a.example)",
    "[late][ref]", "[^1]", "[^note]", "[^none]", "$x_1$", "$5 and $10", "\\(y^2\\)", "\\[z\\]", "$$w$$",
    "<b>&amp;",
    "![pic](https://a.example/p.png)", "\\", "\\*", "[x](/inside)", "https://a.example", "*", "_", "`", "[",
    "](", "$", "~", "|", "a\nb", "<https://a.example>", "&lt;", "[1]",
    "[1, 2]", "[1, 9]", "【2】", "【1†L3-L5】", "[word][2]",
]  # fmt: skip
LINE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
LETTERS = st.text(alphabet="ab[]()^:$\\*_`~|>#-+=1. \n\t", min_size=1, max_size=14)
PLAIN = st.sampled_from(
    ["x = 1", "", "    deep", "| a |", "- no list", "$$", "# no heading", "[^1]: no note"]
)


def items(mark: str) -> st.SearchStrategy[str]:
    return st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(mark + line for line in lines))


def table(rows: list[list[str]]) -> str:
    return "\n".join(["| a | b |", "| :-- | --: |", *(f"| {' | '.join(row)} |" for row in rows)])


BLOCK = st.one_of(
    LINE,
    LETTERS,
    items("- "),
    items("- [ ] "),
    items("* [x] "),
    items("1. "),
    items("> "),
    items("- a\n\n  "),
    items("    "),
    LINE.map("## {}".format),
    LINE.map("{}\n---".format),
    LINE.map("[^1]: {}".format),
    LINE.map("[^note]: {}\n\n    more of it".format),
    st.lists(PLAIN, max_size=4).map(lambda lines: "```python\n" + "\n".join([*lines, "```"])),
    st.lists(PLAIN, max_size=4).map(lambda lines: "~~~\n" + "\n".join(lines)),
    st.lists(st.lists(LINE, min_size=2, max_size=2), max_size=3).map(table),
    st.sampled_from(
        [
            "$$\na\n+ b\n$$", "$$a$$", "\\[\n\\frac{1}{2}\n= 3\n\\]", "$$\nnever closed", "***", "<div>",
            "> $$\n> x",
            "[ref]: https://b.example 'title'", "[1]: https://c.example", "[2]:\nhttps://c.example 'title'",
            "[7]: https://c.example", "> [1]: <https://c.example>",
            "- a\n  $$\n  b\n  $$", "$$ a $$ and text",
        ]
    ),
)  # fmt: skip
DOCUMENT = st.lists(st.tuples(BLOCK, st.sampled_from(["\n\n", "\n", "\n\n\n"])), min_size=1, max_size=7).map(
    lambda parts: "".join(block + end for block, end in parts)
)

SOURCES = [
    {"n": 1, "title": "One", "url": "https://one.example/"},
    {"n": 2, "title": "Two & more", "url": "https://two.example/?a=1&b=2"},
]


@pytest.fixture(scope="module")
def page(stack: App, chromium: Browser, alice: Person) -> Iterator[Page]:
    """One page for all examples."""
    context = new_context(chromium, stack, alice, stack.url)
    page = context.new_page()
    page.goto(stack.url)
    page.evaluate(SETUP)
    yield page
    context.close()


def seen(
    page: Page, text: str, cuts: list[int], *, sources: Sequence[dict[str, Any]] = ()
) -> list[tuple[int, str, str]]:
    """Return (cut, as it streams, as the server renders it) where the two differ."""
    points = [len(text[:cut].encode("utf-16-le")) // 2 for cut in cuts]
    streamed = page.evaluate("parts => grow(...parts)", [text, points, list(sources)])
    finals = [render(text[:cut], sources, prefix="m7") for cut in cuts]
    final = page.evaluate("pages => pages.map(final)", finals)
    return [row for row in zip(cuts, streamed, final, strict=True) if row[1] != row[2]]


@seed(5)
@settings(
    max_examples=350,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(text=DOCUMENT, data=st.data())
def test_a_text_cut_anywhere_looks_as_the_server_renders_it(page: Page, text: str, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(1, len(text)), max_size=12))
    sources = data.draw(st.sampled_from([(), SOURCES]))
    assert seen(page, text, sorted({*cuts, len(text)}), sources=sources) == []


def test_each_letter_of_a_rich_text_may_be_the_last(page: Page) -> None:
    found = seen(page, RICH, list(range(1, len(RICH) + 1)), sources=SOURCES)
    for f in found:
        print(f[0], repr(RICH[f[0] - 20 : f[0]]), f[1][-220:], "\n", f[2][-220:])
    assert not found


RICH = r"""# Heat pumps

A formula $E = mc^2$ in a line, one \(a_1\) more, and a price: $5 and $10, or 5$.[^1]

$$
\begin{aligned}
q &= c \, m \, \Delta T \\
  &= 4.2
\end{aligned}
$$

- [x] measured **once**
- [ ] measured twice [^long]
  - inside

| what | kW |
| :--- | ---: |
| heat | $3$ |

```python
def heat(cop):
    return cop * 3
```

> quoted \[ x \]

[^1]: The first note, with a [link][late].
[^long]: The second.

    It has two paragraphs.

[late]: https://example.org

It is so [1], and so [1, 2].

[1]: https://c.example
[2]: https://c.example/two

The end.
"""


def answered(desk: Visit, app: App, text: str) -> None:
    app.ollama.default = Script(tokens=[text[at : at + 7] for at in range(0, len(text), 7)])
    desk.begin("Write it")
    desk.wait_for_end()


def test_formulas_are_set_and_copied_as_tex(desk: Visit, app: App) -> None:
    answered(desk, app, RICH)
    expect(desk.prose.locator(".katex")).to_have_count(5)
    copied = desk.page.evaluate("""() => {
      getSelection().selectAllChildren(document.querySelector("chat-message.assistant .prose"));
      const data = new DataTransfer();
      document.dispatchEvent(new ClipboardEvent("copy", { clipboardData: data, bubbles: true }));
      return data.getData("text/plain");
    }""")
    assert "A formula $E = mc^2$ in a line" in copied
    assert "\\begin{aligned}\n" in copied


@pytest.mark.parametrize(
    "tex", [r"\frac{1", r"\no_such_command", r"\href{javascript:alert(1)}{x}", r"\def\a{\a\a}\a"]
)
def test_a_formula_that_cant_be_read_is_shown_as_written(desk: Visit, app: App, tex: str) -> None:
    answered(desk, app, f"Look: ${tex}$ and $y$.")
    expect(desk.prose.locator(".katex").last).to_be_visible()
    expect(desk.prose).to_contain_text("Look: ")
    assert desk.prose.locator("a").count() == 0


def test_a_page_without_formulas_loads_no_katex(desk: Visit, app: App) -> None:
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    answered(desk, app, "Costs $5 and $10.")
    assert not [url for url in asked if "katex" in url]


def test_a_footnote_is_reached_within_its_own_message(desk: Visit, app: App) -> None:
    answered(desk, app, "One[^1].\n\n[^1]: first")
    app.ollama.default = Script(tokens=["Two[^1].\n\n[^1]: second"])
    desk.send("Again")
    expect(desk.answers).to_have_count(2)
    desk.wait_for_end()
    desk.prose.locator("sup a").click()
    expect(desk.page.locator(".footnote:target")).to_contain_text("second")
    assert desk.page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map(node => node.id)).size"
    ) == (desk.page.locator("[id]").count())


def test_code_is_downloaded_under_its_languages_ending(desk: Visit, app: App) -> None:
    answered(desk, app, "```Rust\nfn main() {}\n```")
    with desk.page.expect_download() as download:
        desk.answer.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "code.rs"
    assert download.value.path().read_text() == "fn main() {}\n"


def test_wrapped_lines_stay_wrapped_after_a_reload(desk: Visit, app: App) -> None:
    answered(desk, app, "```\n" + "word " * 300 + "\n```")
    pre = desk.answer.locator("pre")
    wide = "pre => pre.scrollWidth > pre.clientWidth"
    assert pre.evaluate(wide)
    desk.answer.get_by_role("button", name="Wrap lines").click()
    assert not pre.evaluate(wide)
    desk.page.reload()
    assert not pre.evaluate(wide)


def test_long_code_is_folded_but_not_under_the_reader(desk: Visit, app: App) -> None:
    tokens = ["```\n", *["line\n"] * 60, "```\n", *["end "] * 40]
    app.ollama.default = Script(tokens=tokens, rate=60, hold_at=80)
    desk.begin("Much code")
    expect(desk.prose).to_contain_text("end")
    app.ollama.default.hold_at = None
    desk.wait_for_end()
    more = desk.answer.get_by_role("button", name="Show all 60 lines")
    expect(more).to_have_count(0)
    desk.page.reload()
    height = "pre => pre.clientHeight"
    folded = desk.answer.locator("pre").evaluate(height)
    more.click()
    assert desk.answer.locator("pre").evaluate(height) > folded + 300


def test_a_picture_of_another_host_is_a_link_and_never_asked_for(desk: Visit, app: App) -> None:
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    answered(desk, app, "![a cat](https://spy.example/cat.png)")
    expect(desk.prose.get_by_role("link", name="a cat")).to_have_attribute(
        "href", "https://spy.example/cat.png"
    )
    assert not [url for url in asked if "spy.example" in url]
