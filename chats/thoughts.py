"""Thoughts that a model writes at the head of its answer, between `<think>` and `</think>`.

Ollama tells them apart only for a model that it knows to think, and only while it may: one that
was told not to, and thinks all the same, has them raw in its text.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from gpu.services.ollama import Piece

OPENING, CLOSING = "<think>", "</think>"


class Part(Enum):
    """Where in its text a model is."""

    HEAD = auto()
    THOUGHTS = auto()
    GAP = auto()
    ANSWER = auto()


class Thoughts:
    """Sorts the pieces of one stream; a tag may be cut anywhere between them."""

    def __init__(self) -> None:
        self._part = Part.HEAD
        self._held = ""  # what may yet be a tag, or only the space around one
        self._begun = False

    def sort(self, piece: Piece) -> Piece:
        """Return the piece with its thoughts as such; the last one, with numbers, brings what was held."""
        if self._part == Part.ANSWER:
            return piece
        self._held += piece.text
        self._open()
        thinking = self._take_thoughts(last=piece.numbers is not None)
        text = self._take_text(last=piece.numbers is not None)
        return replace(piece, text=text, thinking=piece.thinking + thinking)

    def _open(self) -> None:
        if self._part != Part.HEAD:
            return
        text = self._held.lstrip()
        if text.startswith(OPENING):
            self._part, self._held = Part.THOUGHTS, text.removeprefix(OPENING)
        elif not OPENING.startswith(text):
            self._part = Part.ANSWER

    def _take_thoughts(self, *, last: bool) -> str:
        if self._part != Part.THOUGHTS:
            return ""
        thoughts, closing, rest = self._held.partition(CLOSING)
        if closing:
            self._part = Part.GAP
        elif not last:
            thoughts, rest = _without_half_a_tag(thoughts)
        self._held = rest
        thoughts = thoughts if self._begun else thoughts.lstrip()
        self._begun = self._begun or bool(thoughts)
        return thoughts

    def _take_text(self, *, last: bool) -> str:
        if self._part == Part.GAP:
            self._held = self._held.lstrip()
            self._part = Part.ANSWER if self._held else Part.GAP
        if self._part == Part.ANSWER or (last and self._part == Part.HEAD):
            text, self._held = self._held, ""
            return text
        return ""


def _without_half_a_tag(text: str) -> tuple[str, str]:
    """Return the text, and the end of it with which the closing tag may begin."""
    halves = (length for length in range(len(CLOSING) - 1, 0, -1) if text.endswith(CLOSING[:length]))
    length = next(halves, 0)
    return text[: len(text) - length], text[len(text) - length :]
