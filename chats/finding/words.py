"""What somebody looks for: words, all of which must be there, and phrases in quotes. Any text is a query."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_QUERY = 200  # characters that are read
MOST_TERMS = 10
PREFIX_FROM = 4  # letters from which on a word may go on
LEAST_STEM = 3  # letters left when a longer ending is cut off
TYPED_FROM = 2  # the same for the last word, which is perhaps still being typed
WORD = re.compile(r"[^\W_]+")
PIECE = re.compile(r'"([^"]*)("|$)|([^\s"]+)')
QUOTES = str.maketrans(dict.fromkeys("«»“”„‟″", '"'))
ENDINGS = (
    "иями", "ями", "ами", "ого", "его", "ому", "ему", "ыми", "ими", "ией", "иям", "иях", "ая", "яя", "ое",
    "ее", "ые", "ие", "ый", "ий", "ой", "ую", "юю", "ым", "им", "ых", "их", "ом", "ем", "ам", "ям", "ах",
    "ях", "ов", "ев", "ей", "ию", "ью", "ия", "ья", "ии", "у", "ю", "а", "я", "о", "е", "ы", "и", "ь", "й",
)  # fmt: skip
"""How Russian words end in one case or another, longest first."""


CASES = (
    "а", "я", "о", "е", "у", "ю", "ы", "и", "ь", "ой", "ом", "ем", "ей", "ам", "ям", "ах", "ях", "ов", "ами",
    "ями",
)  # fmt: skip
"""The same for words that are too short to be cut: each of their forms is looked for."""
SHORTEST, LONGEST_SHORT = 3, 4  # letters of such words


@dataclass(frozen=True)
class Term:
    """Words side by side, folded; with `prefix` the last one may go on.

    `forms` are others of a single word's, each of which will do.
    """

    words: tuple[str, ...]
    prefix: bool = False
    forms: tuple[str, ...] = ()


class _Folding(dict[int, int | str]):
    """Maps each letter to what it counts as: one letter, whatever its case and its accents."""

    def __missing__(self, code: int) -> int | str:
        letter = chr(code).lower()
        plain = unicodedata.normalize("NFD", letter)[:1]
        if letter == "ё" or plain.isascii():
            letter = plain
        self[code] = folded = letter if len(letter) == 1 else code
        return folded


_folding = _Folding()


def fold(text: str) -> str:
    """Return the text as it is compared, letter for letter as long as it was."""
    return text.translate(_folding)


def parse(text: str) -> Sequence[Term]:
    """Return what the query asks for; nothing when it has no word in it."""
    text = unicodedata.normalize("NFC", text)[:LONGEST_QUERY].translate(QUOTES)
    terms = []
    for piece in PIECE.finditer(text):
        phrase, closed, word = piece.groups()
        typed = piece.end() == len(text) and not closed
        found = WORD.findall(fold(word if phrase is None else phrase))
        if found:
            terms.append(_term(found, typed=typed, exact=phrase is not None))
    return tuple(dict.fromkeys(terms))[:MOST_TERMS]


def _term(words: list[str], *, typed: bool, exact: bool) -> Term:
    last = words[-1]
    longer = len(last) >= (TYPED_FROM if typed else PREFIX_FROM)
    if exact or len(words) > 1:
        return Term(tuple(words), prefix=longer and typed)
    return Term((_stem(last),) if longer else (last,), prefix=longer, forms=_forms(last))


def _forms(word: str) -> tuple[str, ...]:
    """Return the cases of a short word, itself left out."""
    if word.isascii() or not SHORTEST <= len(word) <= LONGEST_SHORT:
        return ()
    stem = word[:-1] if word[-1] in "аяоеуюыийь" else word
    return tuple(form for form in (stem, *(stem + ending for ending in CASES)) if form != word)


def _stem(word: str) -> str:
    """Return the word without its ending, if enough of it is left to search for."""
    if word.isascii():
        return word[:-1] if len(word) > PREFIX_FROM and word[-1] == "s" and word[-2] != "s" else word
    for ending in ENDINGS:
        least = PREFIX_FROM if len(ending) == 1 else LEAST_STEM
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return word[: -len(ending)]
    return word
