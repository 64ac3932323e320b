"""Answers in a given shape: JSON from any model, whatever it does to it.

Some models think although told not to, some ignore `format`, some wrap JSON in prose.
So JSON is looked for in the answer, checked, asked for once more, and else the
defaults stand, with a notice that they do.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gpu.models import settings_for
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ask, Numbers, Ollama
from gpu.snapshot import Known

logger = logging.getLogger(__name__)

THINKING_ROOM = 1024  # tokens for models whose thinking can't be turned off
ANSWER_ROOM = 512
TIMEOUT = 120.0  # seconds
LONGEST_REPAIRED = 2000  # characters of a bad answer that go back to the model

Json = dict[str, Any]
Check = Callable[[Json], Json]
Complete = Callable[[Ask, float], tuple[str, Numbers]]


class UnusableError(ValueError):
    """What a model answered is of no use; the text tells the model why, when it is asked once more."""


@dataclass(frozen=True)
class Structured:
    """The checked data; `notice` is the code of why the defaults stand, "" when the model answered."""

    data: Json
    notice: str = ""


def ask_for_json(
    url: str,
    *,
    model: Known,
    messages: list[Json],
    schema: Json,
    check: Check,
    defaults: Json,
    timeout: float = TIMEOUT,
    complete: Complete | None = None,
) -> Structured:
    """Return what the model answers in the shape of `schema`, as `check` returns it.

    `check` raises ValueError for what it can't use, UnusableError where the model can be told why. Never
    raises itself: `notice` is then `unreachable` (the service failed) or `unusable` (two answers were no
    use). `complete` asks in Ollama's place, for a caller that must be able to hang up.
    """
    asked = list(messages)
    complete = complete or Ollama(url).complete
    try:
        for _attempt in range(2):
            text, _numbers = complete(_ask(model, asked, schema), timeout)
            found, why = _find(text, check)
            if found is not None:
                return Structured(found)
            answered = {"role": "assistant", "content": text[:LONGEST_REPAIRED]}
            asked = [*messages, answered, _repair(schema, why)]
    except ServiceError as error:
        logger.warning("a structured answer failed: %s", error)
        return Structured(defaults, "unreachable")
    return Structured(defaults, "unusable")


def find_json(text: str, check: Check) -> Json | None:
    """Return the last JSON object in `text` that passes `check`, else None."""
    return _find(text, check)[0]


def _find(text: str, check: Check) -> tuple[Json | None, str]:
    """Return that object, and what was wrong with the last that did not pass."""
    found, why = None, ""
    for candidate in _objects(text):
        try:
            found = check(candidate)
        except UnusableError as error:
            why = str(error)
        except (ValueError, TypeError, KeyError):
            continue
    return found, why


def _objects(text: str) -> Iterator[Json]:
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # a model that repeats itself nests without end
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict):
            yield value
        at = text.find("{", end)


def _ask(model: Known, messages: list[Json], schema: Json) -> Ask:
    row = settings_for(model.name)
    cannot_stop_thinking = model.family == "gptoss"
    return Ask(
        model=model.name,
        messages=messages,
        num_ctx=row.window(model.context_length),
        keep_alive=row.stays_loaded(),
        think="low" if cannot_stop_thinking and model.thinks else False,
        num_predict=ANSWER_ROOM + (THINKING_ROOM if model.thinks else 0),
        format=schema,
        options={"temperature": 0.2},
    )


def _repair(schema: Json, why: str) -> Json:
    wanted = "Answer with one JSON object of this shape and nothing else: " + json.dumps(schema)
    return {"role": "user", "content": f"{why} {wanted}" if why else wanted}
