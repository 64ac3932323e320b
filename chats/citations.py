"""Numbers in brackets that become links to sources: only to those that there are, never in code or links.

`[1]`, `[1, 2]`, and as gpt-oss writes them `【1】` and `【1†L3】`. js/markdown.js reads the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import reference
from markdown_it.token import Token

from chats.websearch.provider import is_web

CITED = re.compile(r"[\[【]([0-9]{1,2}(?:, ?[0-9]{1,2})*)(?:†[^\]】]{0,40})?[\]】]")
NUMBER = re.compile(r"[0-9]+")


def link_citations(markdown: MarkdownIt) -> None:
    """Have `[n]` in text linked to entry n of `env["sources"]`, a dict of {title, url} by number."""
    markdown.block.ruler.at("reference", _reference)
    markdown.core.ruler.push("citations", _rule)


def by_number(sources: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the sources that may be links, by their number."""
    found = {source.get("n"): source for source in sources if isinstance(source, dict)}
    return {n: source for n, source in found.items() if isinstance(n, int) and is_web(str(source.get("url")))}


def _reference(state: Any, start: int, end: int, silent: bool) -> bool:
    """A link's definition; where there are sources, numbers are theirs, and `[1]: …` is text."""
    if not reference(state, start, end, silent):
        return False
    known = state.env.get("references", {})
    numbers = [label for label in known if NUMBER.fullmatch(label)] if state.env.get("sources") else []
    for label in numbers:
        del known[label]
        state.line = start
    return not numbers


def _rule(state: Any) -> None:
    sources = state.env.get("sources")
    if not sources:
        return
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, sources))


def _linked(children: list[Token], sources: dict[int, dict[str, Any]]) -> Iterator[Token]:
    inside = 0
    for token in children:
        inside += token.nesting if token.type.startswith("link_") else 0
        if token.type == "text" and not inside:
            yield from _split(token, sources)
        else:
            yield token


def _split(token: Token, sources: dict[int, dict[str, Any]]) -> Iterator[Token]:
    at = 0
    for match in CITED.finditer(token.content):
        numbers = [int(number) for number in match[1].split(",")]
        if not all(number in sources for number in numbers):
            continue
        yield _text(token.content[at : match.start()])
        for number in numbers:
            yield from _link(number, sources[number])
        at = match.end()
    yield _text(token.content[at:])


def _link(number: int, source: dict[str, Any]) -> Iterator[Token]:
    attrs: dict[str, str | int | float] = {
        "class": "cite",
        "href": str(source["url"]),
        "title": str(source.get("title", "")),
    }
    yield Token("link_open", "a", 1, attrs=attrs)
    yield _text(str(number))
    yield Token("link_close", "a", -1)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
