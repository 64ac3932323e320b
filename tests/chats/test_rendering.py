from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from chats import rendering
from chats.models import Message
from tests.chats.conversation import ask, finish


class Tags(HTMLParser):
    """Collects what a browser would see as elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_is_harmless(html: str) -> None:
    for tag, attributes in Tags(html).found:
        assert tag in rendering.TAGS
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in attributes)
        assert re.match(r"(https?:|mailto:|[^:]*$)", attributes.get("href") or "", re.IGNORECASE)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    '![x"onerror="alert(1)](http://a.example/b.png)',
    '[x](http://a.example/"onmouseover="alert(1))',
    "[x](http://a.example '\" onclick=\"alert(1)')",
    '```"><script>alert(1)</script>\ncode\n```',
    '```x" onclick="alert(1)\ncode\n```',
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "<style>*{display:none}</style>",
    "<iframe src=//a.example></iframe>",
    "| <script>alert(1)</script> |\n|---|\n| <b onclick=x> |",
    "<form action=/chats/1/delete/><button>",
    "</template><script>alert(1)</script>",
    "[x]: javascript:alert(1)\n\n[x]",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_nothing_hostile_gets_through(markdown: str) -> None:
    assert_is_harmless(rendering.render(markdown))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_persons_words_are_shown_and_never_interpreted(text: str) -> None:
    assert {tag for tag, _ in Tags(rendering.plain(text)).found} <= {"p", "br"}


@given(st.text(alphabet="<>\"'`&;:/()[]!*_#|\\-= \nabjscript", max_size=120))
def test_whatever_a_model_writes_is_harmless(markdown: str) -> None:
    assert_is_harmless(rendering.render(markdown))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb", "<p>a<br>b</p>"),
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("**a**", "<p>**a**</p>"),
        ("<b>&amp;", "<p>&lt;b&gt;&amp;amp;</p>"),
        ("", ""),
    ],
)
def test_a_persons_lines_and_paragraphs_stay(text: str, html: str) -> None:
    assert rendering.plain(text) == html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**b** *i* ~~s~~", "<p><strong>b</strong> <em>i</em> <s>s</s></p>"),
        ("a\nb", "<p>a<br>\nb</p>"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>'),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
        ("# T", "<h1>T</h1>"),
        ("1 < 2 && `a<b`", "<p>1 &lt; 2 &amp;&amp; <code>a&lt;b</code></p>"),
    ],
)
def test_markdown_becomes_html(markdown: str, html: str) -> None:
    assert rendering.render(markdown).strip() == html


@pytest.mark.parametrize(
    ("markdown", "formulas"),
    [
        ("$x_1$ and \\(y\\)", ["$x_1$", "\\(y\\)"]),
        ("$5 and $10, 5$ и 10$, $5-$10, US$5 for 3$", []),
        ("$HOME/bin:$PATH and `$x$`", []),
        ("$$\na\n+ b\n$$", ["$$\na\n+ b\n$$"]),
        ("text\n\\[ a<b \\]\ntext", ["\\[ a<b \\]"]),
        ("$$\na\n\nb\n$$", []),
        ("\\$x$ and $ x $ and $x", []),
        ("```\n$$x$$\n```", []),
    ],
)
def test_formulas_are_told_from_prices(markdown: str, formulas: list[str]) -> None:
    found = re.findall(r'<(?:span|div) class="math(?: display)?">([^<]*)</', rendering.render(markdown))
    assert [unescape(formula) for formula in found] == formulas


def test_a_formula_that_the_text_ends_in_is_shown_as_written() -> None:
    assert rendering.render("$$\na_b_c\n- d") == '<div class="math-open">$$\na_b_c\n- d</div>\n'


def test_footnotes_of_two_messages_differ() -> None:
    html = rendering.render("a[^1] [^x]\n\n[^1]: note\n\n    more", prefix="m7")
    assert '<a href="#fn-m7-1" rel="noopener noreferrer nofollow">1</a>' in html
    assert '<div class="footnote" id="fn-m7-1"><span class="footnote-label">1</span>' in html
    assert "[^x]" in html
    assert "<p>more</p>" in html


def test_tasks_are_signs_and_no_controls() -> None:
    html = rendering.render("- [ ] a\n- [x] **b**\n- [y] c\n\n[x] d")
    assert '<li><span class="task">☐</span> a</li>' in html
    assert '<li><span class="task done">☑</span> <strong>b</strong></li>' in html
    assert "<li>[y] c</li>" in html
    assert "<p>[x] d</p>" in html


@pytest.mark.parametrize("address", ["/setup/", "chats/1/delete/", "#m5", "//a.example", "ftp://a.example"])
def test_a_model_leads_nobody_to_places_of_this_app(address: str) -> None:
    assert "href" not in rendering.render(f"[x]({address})")


def test_a_code_block_names_its_language_and_has_colours() -> None:
    html = rendering.render("```Python title=x\ndef f():\n    return 1\n```")
    assert '<pre class="code" data-language="python"><code>' in html
    assert '<span class="k">def</span>' in html
    assert "    " in html


@pytest.mark.parametrize("language", ["", "no-such-language", "c++-ish<"])
def test_code_of_no_known_language_is_shown_as_it_is(language: str) -> None:
    html = rendering.render(f"```{language}\nif a < b & c:\n```")
    assert "<code>if a &lt; b &amp; c:\n</code>" in html


def test_indented_code_is_a_code_block_too() -> None:
    html = rendering.render("    a <b>")
    assert html.strip() == '<pre class="code" data-language=""><code>a &lt;b&gt;\n</code></pre>'


def test_very_long_code_is_not_coloured() -> None:
    code = "x = 1\n" * (rendering.LONGEST_HIGHLIGHTED // 6 + 1)
    html = rendering.render(f"```python\n{code}```")
    assert "<span" not in html
    assert html.count("x = 1") == code.count("x = 1")


def test_a_picture_becomes_a_link_so_that_no_page_calls_home() -> None:
    html = rendering.render("![a cat](https://spy.example/cat.png) ![](https://spy.example/2.png?a=1&b=2)")
    assert "<img" not in html
    links = [attributes["href"] for tag, attributes in Tags(html).found if tag == "a"]
    assert links == ["https://spy.example/cat.png", "https://spy.example/2.png?a=1&b=2"]
    assert ">a cat</a>" in html


def test_links_open_apart_and_tell_nothing_of_this_page() -> None:
    (link,) = [
        found for found in Tags(rendering.render("[x](https://a.example 't')")).found if found[0] == "a"
    ]
    assert link[1] == {
        "href": "https://a.example",
        "title": "t",
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
    }


def test_a_table_is_a_table() -> None:
    html = rendering.render("| a | b |\n|---|--:|\n| 1 | **2** |")
    assert [tag for tag, _ in Tags(html).found] == [
        "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "strong",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "letter",
    ["*", "_", "[", "(", "`", ">", "- ", "~", "|", "<", "![", "$", "$a", "\\(", "\\[", "[^1]:", "[^1]"],
)
def test_a_model_that_repeats_itself_is_rendered_soon(letter: str) -> None:
    assert_is_harmless(rendering.render(letter * 3000))


@pytest.mark.django_db
def test_a_final_answers_html_is_kept_in_its_row(alice: User) -> None:
    answer = finish(ask(alice).answer, "**Blue**")
    assert rendering.render_message(answer) == "<p><strong>Blue</strong></p>\n"
    assert Message.objects.get(pk=answer.pk).html == "<p><strong>Blue</strong></p>\n"


@pytest.mark.django_db
def test_a_running_answers_html_is_neither_made_nor_kept(alice: User) -> None:
    answer = finish(ask(alice).answer, "**Blu", status="streaming")
    assert rendering.render_message(answer) == ""
    assert Message.objects.get(pk=answer.pk).html == ""


@pytest.mark.django_db
def test_html_of_words_that_have_changed_since_is_not_kept(alice: User) -> None:
    answer = finish(ask(alice).answer, "old")
    Message.objects.filter(pk=answer.pk).update(content="new")
    assert rendering.render_message(answer) == "<p>old</p>\n"
    assert Message.objects.get(pk=answer.pk).html == ""
