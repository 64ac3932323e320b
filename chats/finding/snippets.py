"""The piece of a text that a search has found, as HTML: escaped, what was looked for marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from chats.finding.words import Term, fold

BEFORE, LENGTH = 40, 220  # characters before the first word found, and in all
BETWEEN = r"[\W_]+"


def mark(text: str, terms: Sequence[Term]) -> SafeString:
    """Return all of a text, with the words marked."""
    return _html(text, _places(text, terms))


def snippet(text: str, terms: Sequence[Term]) -> SafeString:
    """Return the text around the first word found on one line; its beginning when none is."""
    first = next(_places(text, terms), (0, 0))[0]
    start = _word_start(text, max(0, first - BEFORE))
    piece = " ".join(text[start : start + LENGTH].split())
    more = start + LENGTH < len(text)
    marked = _html(piece, _places(piece, terms))
    return format_html("{}{}{}", "…" if start else "", marked, "…" if more else "")


def _word_start(text: str, start: int) -> int:
    """Return where the next word after `start` begins, unless that is far."""
    if not start:
        return 0
    space = re.compile(r"\s").search(text, start, start + BEFORE // 2)
    return space.end() if space else start


def _places(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    folded = fold(text)
    for found in re.finditer(_pattern(terms), folded) if terms else ():
        yield found.span()


def _pattern(terms: Sequence[Term]) -> str:
    ways = [BETWEEN.join(term.words) + (r"[^\W_]*" if term.prefix else "") for term in terms]
    ways += [form for term in terms for form in term.forms]
    return rf"(?<![^\W_])(?:{'|'.join(sorted(ways, key=len, reverse=True))})(?![^\W_])"


def _html(text: str, places: Iterator[tuple[int, int]]) -> SafeString:
    pieces, at = [], 0
    for start, end in places:
        pieces.append((text[at:start], text[start:end]))
        at = end
    marked = format_html_join("", "{}<mark>{}</mark>", pieces)
    return format_html("{}{}", marked, text[at:])
