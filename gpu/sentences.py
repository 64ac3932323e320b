"""What happens to the card, in the reader's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gpu.arbiter import CHAT, COMFYUI, DRAW, IDLE, OLLAMA, THINK

NAMES = {OLLAMA: "Ollama", COMFYUI: "ComfyUI"}

REASONS: dict[str, str | Promise] = {
    "computing": gettext_lazy(
        "%(service)s is still computing for somebody else and does not let go of the card."
        " What waits keeps its place; it goes on by itself when that ends."
    ),
    "hangs": gettext_lazy(
        "%(service)s hangs and does not say whether it holds the card."
        " What waits keeps its place; an admin can restart %(service)s."
    ),
    "garbled": gettext_lazy(
        "%(service)s answers what cannot be understood and may still hold the card."
        " What waits keeps its place; an admin can look at %(service)s or restart it."
    ),
    "keeps_memory": gettext_lazy(
        "%(service)s does not give its memory back."
        " What waits keeps its place; an admin can restart %(service)s."
    ),
    "not_stopped": gettext_lazy(
        "%(service)s does not give its memory back and could not be stopped. What waits keeps its place."
    ),
    "not_there": gettext_lazy(
        "%(service)s does not answer. What waits keeps its place and goes on when %(service)s is started."
    ),
    "not_started": gettext_lazy(
        "%(service)s does not start. What waits keeps its place; it is tried again later."
    ),
    "manager_down": gettext_lazy(
        "The process manager does not answer, so %(service)s can be neither started nor stopped."
        " What waits keeps its place; it is tried again later."
    ),
    "memory_short": gettext_lazy(
        "Only %(free_mb)s MiB of the card are free, and %(wanted_mb)s are needed: something else holds it."
        " What waits keeps its place."
    ),
    "unforeseen": gettext_lazy(
        "Handing the card to %(service)s failed for an unforeseen reason, which is in the log."
        " What waits keeps its place; it is tried again later."
    ),
    "not_emptied": gettext_lazy("Emptying the card failed for an unforeseen reason, which is in the log."),
}
# With what the process manager says: its words are English and may name what is on its machine.
FOR_ADMINS: dict[str, str | Promise] = {
    "not_stopped": gettext_lazy(
        "%(service)s does not give its memory back and could not be stopped: %(text)s"
        " What waits keeps its place."
    ),
    "not_started": gettext_lazy(
        "%(service)s does not start: %(text)s What waits keeps its place; it is tried again later."
    ),
}

WORTH_TELLING = 0.05  # seconds


def explain(reason: str, *, admin: bool = False) -> str:
    """Return the sentence for a failed hand-over as the card keeps it; admins read details."""
    try:
        told: dict[str, Any] = json.loads(reason)
    except ValueError:
        return reason
    code = str(told.get("code"))
    sentence = REASONS.get(code, REASONS["unforeseen"])
    if admin and told.get("text"):
        sentence = FOR_ADMINS.get(code, sentence)
    named = {"text": "", "free_mb": "?", "wanted_mb": "?", **told}
    return str(sentence) % {**named, "service": NAMES.get(str(told.get("service")), "")}


def stage_name(stage: str, *, mine: bool) -> str:
    """Return what waits or runs, whose it is included."""
    if mine:
        return {
            CHAT: _("your question"),
            THINK: _("the words for your picture"),
            DRAW: _("your picture"),
            IDLE: _("small work in between"),
        }[stage]
    return {
        CHAT: _("another user's question"),
        THINK: _("the words for another user's picture"),
        DRAW: _("another user's picture"),
        IDLE: _("small work in between"),
    }[stage]


def about_seconds(seconds: float) -> str:
    """Return a duration as a person would say it."""
    if seconds < 10:
        rounded = round(seconds, 1)
        return _("%(n)s s") % {"n": number_format(rounded, 0 if rounded.is_integer() else 1)}
    if seconds < 120:
        return _("%(n)s s") % {"n": round(seconds)}
    return ngettext("%(n)d min", "%(n)d min", round(seconds / 60)) % {"n": round(seconds / 60)}


def gigabytes(amount: int) -> str:
    """Return the card's bytes in GB of 2^30, as it is sold and as NVIDIA's tools count; one digit at most."""
    rounded = round(amount / 2**30, 1)
    return str(number_format(rounded, 0 if rounded.is_integer() else 1))


def diary_line(event: dict[str, Any]) -> str:
    """Return an event of the card in plain words, "" for one that nobody needs to read."""
    write = LINES.get(str(event.get("type")))
    return write(event) if write else ""


def _switched(event: dict[str, Any]) -> str:
    parts = event.get("parts") or {}
    said = {
        "ollama_out": _("Ollama out in %(time)s"),
        "comfyui_out": _("ComfyUI out in %(time)s"),
        "comfyui_ready": _("ComfyUI ready in %(time)s"),
        "ollama_ready": _("Ollama back in %(time)s"),
    }
    told = [
        said[name] % {"time": about_seconds(parts[name])}
        for name in said
        if parts.get(name, 0) >= WORTH_TELLING
    ]
    title = {COMFYUI: _("for a picture"), OLLAMA: _("back to the chat")}.get(
        event["to"], _("the card is free")
    )
    return f"{title}: {', '.join(told)}" if told else title


def _failed(event: dict[str, Any]) -> str:
    return explain(str(event.get("reason", "")))


def _released(event: dict[str, Any]) -> str:
    if event.get("stage") != DRAW:
        return ""
    n, time = event.get("images") or 1, about_seconds(event.get("used", 0) / 1000)
    sentence = ngettext("a picture was drawn in %(time)s", "%(n)d pictures were drawn in %(time)s", n)
    return sentence % {"n": n, "time": time}


def _borrowed(event: dict[str, Any]) -> str:
    return _("the card was borrowed for %(time)s") % {"time": about_seconds(event.get("ms", 0) / 1000)}


LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "switched": _switched,
    "switch_failed": _failed,
    "released": _released,
    "borrowed": _borrowed,
    "returned": lambda _event: _("the card was given back"),
    "expired": lambda _event: _("a worker went silent; its place on the card was taken back"),
    "taken": lambda _event: _("an admin took the card away from what was running"),
    "switch_lost": lambda _event: _("a hand-over was broken off and begins again"),
    "seen": lambda _event: _("somebody else has used the card meanwhile; it is looked at anew"),
    "paused": lambda _event: _("an admin paused the line"),
    "resumed": lambda _event: _("the line goes on"),
    "draining": lambda _event: _("the app is about to restart; what waits is still served"),
    "open": lambda _event: _("the app takes new work again"),
}
