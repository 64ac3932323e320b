"""How log lines are written: as text or as JSON, and never with a secret in them."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from live import tracing
from ollamachat import env

HIDDEN = "…"
PATTERNS = (
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"), rf"\1{HIDDEN}"),  # passwords in addresses
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(basic|token)\s+[\w.~+/=-]{16,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),  # tokens of the API
    (re.compile(r"\boc_\w{4,}"), f"oc_{HIDDEN}"),  # keys of the API
    (
        re.compile(r"(?i)((?:password|passwd|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"',}&]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?<=/)[\w-]{24,}(?=[/\s\"'?]|$)"), HIDDEN),  # one-time links, in paths
)


class Hiding(logging.Formatter):
    """A line of text in which no secret stands, whoever has put it into the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, its traceback with it."""
        return hide(super().format(record))


class Json(logging.Formatter):
    """A line of JSON: when, how grave, who, what, for which request, and whatever `extra` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide(record.getMessage()),
            "request_id": getattr(record, "request_id", "") or tracing.current(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            told["error"] = hide(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False, default=str)


def hide(text: str) -> str:
    """Return the text without anything that lets somebody in."""
    for secret in secrets():
        text = text.replace(secret, HIDDEN)
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def secrets() -> tuple[str, ...]:
    """Return the operator's secrets, as they would stand in a text."""
    return _written(tuple(str(settings.ENV[name]) for name in SECRET))


@cache
def _written(values: tuple[str, ...]) -> tuple[str, ...]:
    found = (urlsplit(value).password or "" if "://" in value else value for value in values)
    return tuple(secret for secret in found if len(secret) >= SHORTEST)


SECRET = [name.name for name in env.NAMES.values() if name.secret]
SHORTEST = 6  # letters; a shorter one would blot out half of every line
