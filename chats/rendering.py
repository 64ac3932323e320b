"""Final messages as HTML: Markdown with the same grammar as the page's, sanitised, kept in the row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from chats import citations, dialect
from chats.models import Message

LONGEST_HIGHLIGHTED = 60_000  # characters; beyond it colours cost more than they help
TAGS = {
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "s", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"class", "href", "target", "title"},
    "code": {"class"},
    "div": {"class", "id"},
    "ol": {"start"},
    "pre": {"class", "data-language"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}
SCHEMES = {"http", "https", "mailto"}
HREF = re.compile(r"(https?|mailto):|#fn-", re.IGNORECASE)


def render_message(message: Message) -> str:
    """Return a message's HTML, safe to show; a final answer's is kept in its row."""
    if message.is_running:
        return ""
    if not message.html and message.content:
        message.html = _rendered(message) if message.is_answer else plain(message.content)
        Message.objects.filter(pk=message.pk, status=message.status, content=message.content).update(
            html=message.html
        )
    return message.html


def _rendered(message: Message) -> str:
    return render(message.content, message.sources, prefix=f"m{message.pk}")


def plain(text: str) -> str:
    """Return a person's words as paragraphs, with nothing in them interpreted."""
    paragraphs = escape(text).split("\n\n")
    return "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in paragraphs if part.strip())


def render(markdown: str, sources: Sequence[dict[str, Any]] = (), prefix: str = "") -> str:
    """Return Markdown as sanitised HTML; pictures become links, so that no page calls home.

    `[n]` becomes a link to the source of that number, if there is one. `prefix` tells this text's footnotes
    from those of others on the page.
    """
    env = {"sources": citations.by_number(list(sources)), "prefix": prefix}
    return nh3.clean(
        _markdown().render(markdown, env),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        attribute_filter=_filtered,
    )


def _filtered(_tag: str, attribute: str, value: str) -> str | None:
    """Links lead out or to a footnote: what a model writes must not lead to places of this app."""
    return value if attribute != "href" or HREF.match(value) else None


@cache
def _markdown() -> Any:
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("code_block", _fence)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("link_open", _link_open)
    dialect.speak_dialect(markdown)
    citations.link_citations(markdown)
    return markdown


def _fence(_renderer: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    language = (token.info or "").strip().split(" ")[0].lower()
    coloured = _highlighted(token.content, language)
    return f'<pre class="code" data-language="{escape(language)}"><code>{coloured}</code></pre>\n'


def _highlighted(code: str, language: str) -> str:
    if not language or len(code) > LONGEST_HIGHLIGHTED:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    coloured = str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
    return coloured if code.endswith("\n") else coloured.removesuffix("\n")


def _link_open(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    return str(renderer.renderToken(tokens, index, options, env))


def _image(_renderer: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    source = escape(str(token.attrs.get("src", "")))
    return f'<a href="{source}" target="_blank">{escape(token.content) or source}</a>'
