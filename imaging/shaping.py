"""How a picture is drawn: rules only. What a model proposes is clamped to what Flux.1-dev does well.

Denoise decides how much of the picture to start from survives: 0.55-0.65 recolours it and
keeps its forms; above 0.9 nothing of it is left. Steps beyond 30 change nothing that can be
seen, and Flux knows neither cfg nor a negative prompt.
"""

from __future__ import annotations

from typing import Any

from chats.structured import UnusableError

CHANGES: dict[str, tuple[float, float]] = {
    "colour": (0.55, 0.65),
    "light": (0.55, 0.65),
    "detail": (0.55, 0.65),
    "material": (0.58, 0.68),
    "object": (0.62, 0.75),
    "background": (0.65, 0.78),
    "style": (0.65, 0.8),
    "scene": (0.72, 0.88),
}
"""By kind of change, the denoise that it allows."""
USUAL_CHANGE = "detail"
STEPS, USUAL_STEPS = (25, 30), 28
CFG = 1.0
GUIDANCE = 3.5
SAMPLER, SCHEDULER = "euler", "simple"
WHOLE = 1.0  # denoise of a picture from words alone
VARY = 0.5  # denoise of a variation of a finished picture
LEAST_DENOISE = 0.05
SHARE = 1 / 3  # of the allowed span that "keep" and "free" may use

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "change": {"type": "string", "enum": list(CHANGES)},
        "denoise": {"type": "number", "minimum": 0.5, "maximum": 0.9},
        "steps": {"type": "integer", "minimum": STEPS[0], "maximum": STEPS[1]},
    },
    "required": ["change", "denoise", "steps"],
}


def check(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a model proposes, in range. Raises ValueError, TypeError, KeyError for rubbish."""
    change = str(data["change"]).strip().lower().replace("color", "colour")
    if change not in CHANGES:
        raise UnusableError(f"The change is one of: {', '.join(CHANGES)}.")
    denoise, steps = float(data["denoise"]), round(float(data["steps"]))
    if denoise != denoise:
        raise ValueError(denoise)
    return {"change": change, "denoise": clamp(denoise, *CHANGES[change]), "steps": clamp(steps, *STEPS)}


def clamp(value: Any, low: Any, high: Any) -> Any:
    """Return `value` within its bounds."""
    return max(low, min(high, value))


def allowed(change: str, strength: str = "") -> tuple[float, float]:
    """Return the denoise that a kind of change allows, narrowed by what the person asked for."""
    low, high = CHANGES.get(change, CHANGES[USUAL_CHANGE])
    third = (high - low) * SHARE
    if strength == "keep":
        return low, low + third
    if strength == "free":
        return high - third, high
    return low, high


def settings_for(
    *,
    change: str = "",
    proposed: dict[str, Any] | None = None,
    strength: str = "",
    denoise: float | None = None,
) -> dict[str, Any]:
    """Return the whole settings of a render; `denoise` is a person's own word and is left as it is.

    Without a `change` the picture comes from words alone.
    """
    proposed = proposed or {}
    if denoise is None and not change:
        denoise = WHOLE
    elif denoise is None:
        low, high = allowed(change, strength)
        denoise = clamp(proposed.get("denoise", (low + high) / 2), low, high)
    return {
        "steps": clamp(proposed.get("steps", USUAL_STEPS), *STEPS),
        "cfg": CFG,
        "guidance": GUIDANCE,
        "denoise": round(clamp(denoise, LEAST_DENOISE, WHOLE), 3),
        "sampler": SAMPLER,
        "scheduler": SCHEDULER,
    }
