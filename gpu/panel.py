"""The card's chip and panel as templates show them: everything in words, widths in per cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts import rights
from accounts.models import Verb
from gpu import sentences, status
from live.redis import RedisError

SWITCHING: dict[str, Callable[[], str]] = {
    "comfyui": lambda: _("Card: on its way to pictures"),
    "ollama": lambda: _("Card: on its way to the chat"),
}
TITLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "idle": lambda _card: _("Card: free"),
    "answering": lambda _card: _("Card: answers"),
    "drawing": lambda _card: _("Card: draws"),
    "waiting": lambda _card: _("Card: waiting"),
    "paused": lambda _card: _("Card: paused"),
    "stuck": lambda card: _("Card: %(service)s is not ready") % {"service": _broken(card)},
    "switching": lambda card: SWITCHING.get(card["switch"]["to"], _emptied)(),
    "borrowed": lambda card: (
        _("Card: you have borrowed it")
        if card["borrow"]["mine"]
        else _("Card: borrowed by %(name)s") % {"name": card["borrow"]["by"]}
    ),
}
RESIDENTS = {
    "ollama": lambda: _("The chat has the card."),
    "comfyui": lambda: _("Pictures have the card."),
    "none": lambda: _("The card is empty."),
    "unknown": lambda: _("Nobody has looked at the card yet."),
}
TOGETHER = {
    "shared": lambda: _("The chat and pictures share the card."),
    "none": lambda: _("The chat and pictures have a card each."),
}


def _resident(resident: str) -> str:
    """Return who has the card; where both may have it at once, nobody is looked for."""
    together = TOGETHER.get(settings.GPU_HANDOFF)
    return together() if together and resident == "unknown" else RESIDENTS[resident]()


def _emptied() -> str:
    return _("Card: is being emptied")


def _broken(card: dict[str, Any]) -> str:
    names = [sentences.NAMES.get(problem["service"]) for problem in card["problems"]]
    return ", ".join(filter(None, names)) or "ComfyUI"


def chip(user: Any) -> dict[str, Any] | None:
    """Return what the chip shows, None while the app's memory is away: a page never fails for it."""
    try:
        card = status.describe(user)
    except RedisError:
        return None
    waiting = len(card["queue"])
    return {
        **card,
        "title": TITLES[card["state"]](card),
        "line": ngettext("%(n)d in line", "%(n)d in line", waiting) % {"n": waiting} if waiting else "",
        "memory_words": memory_words(card["memory"]),
        "bar": bar(card["memory"]),
        "chat_in_words": _chat_in(card),
        "until": _moment(card["borrow"]["until"]) if card["borrow"] else None,
        "mine": [entry for entry in card["queue"] if entry["mine"]],
        "trouble": bool(card["problems"]) or _is_crowded(card["memory"]),
    }


def _is_crowded(memory: dict[str, Any]) -> bool:
    """Return whether the card is full because of others; full of our own models it is as it should be."""
    return bool(memory["over_threshold"] and memory["foreign"])


def _chat_in(card: dict[str, Any]) -> str:
    if card["state"] in ("borrowed", "paused", "stuck", "idle", "answering") or not card["chat_in"]:
        return ""
    return _("chat: %(wait)s") % {"wait": card["chat_in"]}


def memory_words(memory: dict[str, Any]) -> str:
    """Return the memory in words, "" where nothing is known."""
    if memory["total"]:
        used, total = sentences.gigabytes(memory["used"]), sentences.gigabytes(memory["total"])
        return _("%(used)s of %(total)s GB") % {"used": used, "total": total}
    if memory["used"]:
        return _("%(used)s GB in use") % {"used": sentences.gigabytes(memory["used"])}
    return ""


def bar(memory: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bar's pieces from the left as {kind, x, width} in per cent; empty without a total."""
    if not memory["total"]:
        return []
    ollama, comfyui = memory["ollama"], memory["comfyui"]
    other = max(memory["used"] - ollama - comfyui, 0)
    pieces, x = [], 0.0
    for kind, amount in (("ollama", ollama), ("comfyui", comfyui), ("other", other)):
        width = round(min(100 * amount / memory["total"], 100 - x), 2)
        if width > 0:
            pieces.append({"kind": kind, "x": round(x, 2), "width": width})
            x += width
    return pieces


def panel(user: Any) -> dict[str, Any]:
    """Return the panel's context; `card` is None while the app's memory is away."""
    card = chip(user)
    if card is None:
        return {"card": None}
    memory = card["memory"]
    return {
        "card": card,
        "resident": _resident(card["resident"]),
        "running": [{**lease, "since": _moment(lease["since"])} for lease in card["now"]],
        "loaded": [_loaded(model) for model in card["loaded"]],
        "held": _held(memory),
        "entries": _diary(),
        "may_borrow": rights.may(user, Verb.BORROW_CARD),
        "borrow_minutes": (15, 30, 60, 120),
    }


def _diary() -> list[dict[str, Any]]:
    try:
        return [{**entry, "at": _moment(entry["at"])} for entry in status.diary()]
    except RedisError:
        return []


def _held(memory: dict[str, Any]) -> list[dict[str, str]]:
    other = max(memory["used"] - memory["ollama"] - memory["comfyui"], 0) if memory["total"] else 0
    parts = [
        ("ollama", "Ollama", memory["ollama"]),
        ("comfyui", "ComfyUI", memory["comfyui"]),
        ("other", pgettext("memory of the card", "other"), other),
        ("free", pgettext("memory of the card", "free"), memory["free"]),
    ]
    return [
        {"kind": kind, "name": name, "gb": sentences.gigabytes(amount)}
        for kind, name, amount in parts
        if amount >= 50_000_000
    ]


def _loaded(model: dict[str, Any]) -> dict[str, Any]:
    size, on_card = model["size"], model["size_vram"]
    partly = bool(size) and on_card < 0.98 * size
    return {
        "name": model["name"],
        "gb": sentences.gigabytes(size),
        "share": round(100 * on_card / size) if partly else None,
    }


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
