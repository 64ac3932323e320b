"""What somebody's JSON says, checked while it is read: nothing is taken that has not been asked for.

Everything wrong raises AppError invalid with the place where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code

LONGEST_WORD = 190  # characters of a name or a code
LONGEST_FACT = 4000
MOST_FACTS, DEEPEST = 100, 3
GREATEST = 2**53  # beyond it JSON's readers differ


class Told:
    """An object of the file; `where` names it for people, like `chats[0].messages[3]`."""

    def __init__(self, data: Any, where: str = "") -> None:
        if not isinstance(data, Mapping):
            raise refuse(where)
        self.data, self.where = data, where

    def text(self, name: str, *, most: int = LONGEST_WORD) -> str:
        """Return a text without what no text holds; "" when it is not there."""
        value = self.data.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise self.wrong(name)
        return clean(value)

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """Return one of the allowed words."""
        value = self.data.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(name)
        return value

    def number(self, name: str, *, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number in the limits, both included."""
        value = self.data.get(name, default)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(name)
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; false when it is not there."""
        value = self.data.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def moment(self, name: str) -> datetime | None:
        """Return a time with its zone; None when there is none."""
        value = self.data.get(name)
        if value is None:
            return None
        try:
            moment = parse_datetime(value) if isinstance(value, str) and len(value) < 40 else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not 1970 < moment.year < 9000:
            raise self.wrong(name)
        return moment

    def rows(self, name: str, *, most: int) -> Iterator[Told]:
        """Yield the objects of a list; none when it is not there."""
        for at, row in enumerate(self.values(name, most=most)):
            yield Told(row, f"{self._at(name)}[{at}]")

    def values(self, name: str, *, most: int) -> list[Any]:
        """Return a list as it is; nothing is said of what it holds."""
        values = self.data.get(name, [])
        if not isinstance(values, list) or len(values) > most:
            raise self.wrong(name)
        return values

    def inner(self, name: str) -> Told:
        """Return the object under a name; an empty one when it is not there."""
        return Told(self.data.get(name, {}), self._at(name))

    def facts(self, name: str) -> dict[str, Any]:
        """Return a small object of plain values; {} when it is not there."""
        value = self.data.get(name, {})
        if not isinstance(value, Mapping) or not _is_plain(value, DEEPEST):
            raise self.wrong(name)
        return {clean(key): _cleaned(entry) for key, entry in value.items()}

    def numbers(self, name: str, *words: str) -> dict[str, Any]:
        """Return what is a number among the facts, and what stands under `words`; the rest is left out."""
        facts = self.facts(name)
        return {
            key: value
            for key, value in facts.items()
            if isinstance(value, str if key in words else (int, float)) and not isinstance(value, bool)
        }

    def wrong(self, name: str = "") -> AppError:
        """Return the error for what stands under a name."""
        return refuse(self._at(name) if name else self.where)

    def _at(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name


def refuse(where: str) -> AppError:
    """Return the error that names the place."""
    sentence = _("This file is not what this app writes: “%(where)s” is not as it should be.")
    plain = _("This file is not what this app writes.")
    told = sentence % {"where": where[:120]} if where else plain
    return AppError(told, code=Code.INVALID, fields={"file": [told]})


def clean(text: str) -> str:
    """Return a text as every database keeps it: no NUL, no half of a pair of surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, Mapping | list):
        inside = [*value, *value.values()] if isinstance(value, Mapping) else value
        return (
            depth > 0 and len(inside) <= MOST_FACTS and all(_is_plain(entry, depth - 1) for entry in inside)
        )
    if isinstance(value, str):
        return len(value) <= LONGEST_FACT
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) <= GREATEST)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(entry) for entry in value]
    if isinstance(value, Mapping):
        return {clean(key): _cleaned(entry) for key, entry in value.items()}
    return value
