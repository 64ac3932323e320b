"""What is asked of Ollama and what it tells, as records, with its errors translated."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Any

from gpu.services import errors

NANO = 1e9


@dataclass(frozen=True)
class Model:
    """An installed model; sizes in bytes."""

    name: str
    size: int
    digest: str
    family: str
    parameters: str
    quantization: str


@dataclass(frozen=True)
class Loaded:
    """A model in memory; sizes in bytes. `size_vram` below `size`: partly on the CPU.

    `expires_at` in seconds since the epoch by Ollama's clock, 0 when it is not told.
    """

    name: str
    size: int
    size_vram: int
    num_ctx: int
    expires_at: float = 0.0

    @property
    def is_overdue(self) -> bool:
        """Whether it should have gone: then it is answering, and goes at the end of that."""
        return 0 < self.expires_at < time()


@dataclass(frozen=True)
class Shown:
    """What a model can do, and the context it was trained for in tokens (0: unknown)."""

    capabilities: tuple[str, ...]
    context_length: int


@dataclass(frozen=True)
class Numbers:
    """What a finished answer took; durations in seconds, counts in tokens."""

    done_reason: str = "stop"
    prompt_tokens: int = 0
    tokens: int = 0
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Piece:
    """One line of a stream; `numbers` come with the last."""

    text: str = ""
    thinking: str = ""
    numbers: Numbers | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Ask:
    """One request for an answer. `num_ctx` must be the model's own: another value reloads the model."""

    model: str
    messages: list[dict[str, Any]]
    num_ctx: int
    keep_alive: str
    think: bool | str = False
    num_predict: int | None = None
    format: dict[str, Any] | str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)

    def body(self, *, stream: bool) -> dict[str, Any]:
        """Return the request's JSON. `truncate` and `shift` off: Ollama shall say when it is too much."""
        options = {**self.options, "num_ctx": self.num_ctx}
        if self.num_predict:
            options["num_predict"] = self.num_predict
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "stream": stream,
            "think": self.think,
            "keep_alive": self.keep_alive,
            "truncate": False,
            "shift": False,
            "options": options,
        }
        body |= {"format": self.format} if self.format else {}
        return body | ({"tools": self.tools} if self.tools else {})


def read_piece(line: bytes) -> Piece:
    """Return one line of a stream. Raises GarbledError, ModelFailedError."""
    try:
        event = json.loads(line)
        if "error" in event:
            raise errors.ModelFailedError(unwrap(event["error"]))
        message = event.get("message") or {}
        text, thinking = message.get("content") or "", message.get("thinking") or ""
        if not isinstance(text, str) or not isinstance(thinking, str):
            raise TypeError
        numbers = read_numbers(event) if event.get("done") else None
        return Piece(text, thinking, numbers, tuple(message.get("tool_calls") or ()))
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.GarbledError(repr(line[:200])) from error


def read_numbers(event: dict[str, Any]) -> Numbers:
    """Return the last line's numbers; any of them may be missing."""
    return Numbers(
        done_reason=str(event.get("done_reason") or "stop"),
        prompt_tokens=int(event.get("prompt_eval_count") or 0),
        tokens=int(event.get("eval_count") or 0),
        load_seconds=(event.get("load_duration") or 0) / NANO,
        prompt_seconds=(event.get("prompt_eval_duration") or 0) / NANO,
        seconds=(event.get("eval_duration") or 0) / NANO,
    )


def unwrap(error: Any) -> str:
    """Return the sentence of an error, which may itself be JSON of llama-server's."""
    if isinstance(error, dict):
        return unwrap(error.get("error") or error.get("message") or "")
    try:
        inner = json.loads(error)
    except (ValueError, TypeError):
        return str(error)
    return unwrap(inner) if isinstance(inner, dict) else str(error)


def translate(status: int, body: bytes, model: str = "") -> errors.ServiceError:
    """Return the error that an answer with this HTTP status means."""
    try:
        text = unwrap(json.loads(body))
    except ValueError:
        text = body[:200].decode(errors="replace")
    if status == 404 and "model" in text and "not found" in text:  # not "404 page not found"
        return errors.ModelMissingError(text, model=model)
    if status == 400 and ("context" in text or "exceed" in text):
        return errors.ContextFullError(text)
    kinds = {403: errors.ServiceRefusedError, 503: errors.ServiceBusyError}
    return kinds.get(status, errors.ServiceError)(f"{status} {text}", status=status)


def read_model(entry: dict[str, Any]) -> Model:
    details = entry.get("details") or {}
    return Model(
        name=str(entry["name"]),
        size=int(entry.get("size") or 0),
        digest=str(entry.get("digest") or ""),
        family=str(details.get("family") or ""),
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
    )


def read_loaded(entry: dict[str, Any]) -> Loaded:
    return Loaded(
        name=str(entry.get("name") or entry.get("model") or ""),
        size=int(entry.get("size") or 0),
        size_vram=int(entry.get("size_vram") or 0),
        num_ctx=int(entry.get("context_length") or 0),
        expires_at=_read_time(str(entry.get("expires_at") or "")),
    )


def _read_time(text: str) -> float:
    """Return the seconds since the epoch of RFC 3339 with nanoseconds, 0 for what is none."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
