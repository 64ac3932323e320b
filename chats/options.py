"""How a chat is answered: a person's own ways, and a chat's before them. Rules only.

`num_ctx` and `keep_alive` are not among these: they belong to the model, because another value
reloads it for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code

LONGEST_SYSTEM = 20_000  # characters
THINK = ("", "off", "on", "low", "medium", "high")


@dataclass(frozen=True)
class Bound:
    """A number's type and limits, both included."""

    kind: type[int] | type[float]
    low: float
    high: float


# What Ollama takes (its Modelfile reference); `budget` is ours: tokens of the window that may be used.
BOUNDS = {
    "temperature": Bound(float, 0, 2),
    "top_p": Bound(float, 0, 1),
    "top_k": Bound(int, 1, 1000),
    "seed": Bound(int, 0, 2**31 - 1),
    "num_predict": Bound(int, 1, 131_072),
    "budget": Bound(int, 512, 1_048_576),
}
SAMPLING = ("temperature", "top_p", "top_k", "seed")


@dataclass(frozen=True)
class Options:
    """What goes with a call; None and "" leave it to the model."""

    system: str = ""
    sampling: dict[str, float] = field(default_factory=dict)
    num_predict: int | None = None
    budget: int | None = None
    think: str = ""


def merge(*layers: tuple[str, Mapping[str, Any]]) -> Options:
    """Return what holds after each layer, (instructions, options), goes before the one to its left."""
    system = ""
    values: dict[str, Any] = {}
    for words, layer in layers:
        system = words.strip() or system
        values |= {name: value for name, value in layer.items() if value not in (None, "")}
    return Options(
        system=system,
        sampling={name: values[name] for name in SAMPLING if name in values},
        num_predict=values.get("num_predict"),
        budget=values.get("budget"),
        think=values.get("think", ""),
    )


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in `data`, as they are kept; empty ones are left out. Raises AppError invalid."""
    found: dict[str, Any] = {}
    wrong: dict[str, list[Any]] = {}
    for name, bound in BOUNDS.items():
        if (value := data.get(name)) in (None, ""):
            continue
        number = _number(value, bound)
        if number is None:
            sentence = _("A number from %(low)s to %(high)s.")
            wrong[name] = [sentence % {"low": f"{bound.low:g}", "high": f"{bound.high:.0f}"}]
        else:
            found[name] = number
    if (think := data.get("think") or "") not in THINK:
        wrong["think"] = [_("One of: off, on, low, medium, high.")]
    elif think:
        found["think"] = think
    if wrong:
        raise AppError(_("Something here is not as it should be."), code=Code.INVALID, fields=wrong)
    return found


def read_system(words: Any) -> str:
    """Return instructions as they are kept. Raises AppError too_large."""
    text = str(words or "").replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > LONGEST_SYSTEM:
        sentence = _("This is too long: %(n)d characters, at most %(most)d.")
        raise AppError(sentence % {"n": len(text), "most": LONGEST_SYSTEM}, code=Code.TOO_LARGE)
    return text


def _number(value: Any, bound: Bound) -> float | None:
    try:
        number = bound.kind(str(value).replace(",", "."))
    except (ValueError, OverflowError):
        return None
    return number if bound.low <= number <= bound.high else None


def think_value(wish: str, *, thinks: bool, has_levels: bool) -> bool | str:
    """Return `think` as the model takes it: gpt-oss has levels and can't be told not to."""
    if not thinks:
        return False
    if has_levels:
        return {"off": "low", "low": "low", "high": "high"}.get(wish, "medium")
    return wish != "off"
