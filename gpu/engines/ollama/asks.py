"""What a request asks for: its JSON checked as Ollama does, with its sentences for what is wrong."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from gpu.engines.ollama.errors import ApiError
from gpu.engines.ollama.residency import FOREVER

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
THINK_LEVELS = ("high", "medium", "low", "max")
INTEGERS = frozenset({"num_predict", "top_k", "seed", "num_ctx", "repeat_last_n", "num_keep"})
FLOATS = frozenset(
    {"temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty"}
)
NAME = re.compile(r"^(?:[\w.:-]+/)?(?:[\w.-]+/)?[\w.-]+(?::[\w.-]+)?$")


@dataclass
class Message:
    """One turn of the conversation."""

    role: str
    content: str
    images: list[str] = field(default_factory=list)


@dataclass
class Ask:
    """A chat or a generate request. `keep_alive` is in seconds; None keeps what the loaded model has."""

    model: str
    messages: list[Message]
    prompt: str = ""
    raw: bool = False
    stream: bool = True
    truncate: bool = True
    shift: bool = True
    format: Any = None
    keep_alive: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    tools: list[Any] = field(default_factory=list)
    suffix: str = ""

    @property
    def has_images(self) -> bool:
        return any(message.images for message in self.messages)


def read_object(body: bytes) -> dict[str, Any]:
    """Returns the request's JSON object; raises ApiError 400."""
    if not body:
        raise ApiError(400, "missing request body")
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()):
            raise ApiError(400, "unexpected EOF") from error
        raise ApiError(400, f"invalid character {error.doc[error.pos]!r} in JSON") from error
    except UnicodeDecodeError as error:
        raise ApiError(400, "invalid UTF-8 in JSON") from error
    if not isinstance(value, dict):
        raise _mistyped(value, "api.ChatRequest", "")
    return value


def read_chat(body: bytes) -> Ask:
    """Returns what a POST to /api/chat asks; raises ApiError."""
    data = read_object(body)
    turns = _typed(data, "messages", list, "[]api.Message", "ChatRequest") or []
    ask = _common(data, [_message(turn) for turn in turns], "ChatRequest")
    if not ask.model:
        raise ApiError(400, "model is required")
    return ask


def read_generate(body: bytes) -> Ask:
    """Returns what a POST to /api/generate asks, its prompt also as messages; raises ApiError."""
    data = read_object(body)

    def text(name: str) -> str:
        return _typed(data, name, str, "string", "GenerateRequest") or ""

    prompt, system = text("prompt"), text("system")
    images = _images(_typed(data, "images", list, "[]api.ImageData", "GenerateRequest") or [])
    messages = [Message("user", prompt, images)] if prompt or images else []
    if messages and system:
        messages.insert(0, Message("system", system))
    ask = _common(data, messages, "GenerateRequest")
    ask.prompt, ask.suffix = prompt, text("suffix")
    ask.raw = bool(_typed(data, "raw", bool, "bool", "GenerateRequest"))
    return ask


def check_name(name: str) -> None:
    """Raises ApiError for a name that no model can have."""
    if name and not NAME.match(name):
        raise ApiError(400, "invalid model name")


def integer(options: dict[str, Any], name: str, default: int) -> int:
    """Returns an option as a whole number: Ollama cuts the fraction off."""
    value = options.get(name)
    return default if value is None else int(value)


def _common(data: dict[str, Any], messages: list[Message], struct: str) -> Ask:
    def flag(name: str) -> bool:
        value = _typed(data, name, bool, "bool", struct)
        return value if isinstance(value, bool) else True

    return Ask(
        model=_typed(data, "model", str, "string", struct) or "",
        messages=messages,
        stream=flag("stream"),
        truncate=flag("truncate"),
        shift=flag("shift"),
        format=data.get("format"),
        keep_alive=read_keep_alive(data.get("keep_alive")),
        options=_typed(data, "options", dict, "map[string]interface {}", struct) or {},
        think=_think(data.get("think")),
        tools=_typed(data, "tools", list, "api.Tools", struct) or [],
    )


def check_options(options: dict[str, Any]) -> None:
    """Raises ApiError 500 for a mistyped option; unknown ones are ignored, as in Ollama."""
    for name, value in options.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is None:
            continue
        if name in INTEGERS and not number:
            raise ApiError(500, f'option "{name}" must be of type integer')
        if name in FLOATS and not number:
            raise ApiError(500, f'option "{name}" must be of type float32')
        if name == "stop" and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise ApiError(500, 'option "stop" must be of type array')


def read_keep_alive(value: Any) -> float | None:
    """Returns seconds from a number or a Go duration, FOREVER for a negative one; raises ApiError 400."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ApiError(400, f"invalid type for keep_alive: {value!r}")
    seconds = _duration(value) if isinstance(value, str) else float(value)
    return FOREVER if seconds < 0 else min(seconds, FOREVER)


def _duration(text: str) -> float:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    parts = re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", rest)
    if parts and "".join(number + unit for number, unit in parts) == rest:
        return sign * sum(float(number) * UNITS[unit] for number, unit in parts)
    if re.fullmatch(r"\d+\.?\d*", rest):
        raise ApiError(400, f'time: missing unit in duration "{text}"')
    raise ApiError(400, f'time: invalid duration "{text}"')


def _think(value: Any) -> bool | str | None:
    if value is None or isinstance(value, bool) or value in THINK_LEVELS:
        return value  # type: ignore[no-any-return]
    allowed = ", ".join(f'"{level}"' for level in THINK_LEVELS)
    raise ApiError(400, f"invalid think value: {json.dumps(value)} (must be {allowed}, true, or false)")


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise _mistyped(turn, "api.Message", "ChatRequest.messages")
    role = _typed(turn, "role", str, "string", "ChatRequest.messages") or ""
    content = _typed(turn, "content", str, "string", "ChatRequest.messages") or ""
    images = _typed(turn, "images", list, "[]api.ImageData", "ChatRequest.messages") or []
    return Message(role, content, _images(images))


def _images(values: list[Any]) -> list[str]:
    for value in values:
        text = value if isinstance(value, str) else ""
        bad = re.search(r"[^A-Za-z0-9+/=\r\n]", text)
        try:
            base64.b64decode(text)
        except binascii.Error:
            bad = bad or re.search(r"\Z", text)
        if bad:
            raise ApiError(400, f"illegal base64 data at input byte {bad.start()}")
    return values


def _typed(data: dict[str, Any], name: str, kind: type, go_type: str, struct: str) -> Any:
    value = data.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise _mistyped(value, go_type, f"{struct}.{name}")


def _mistyped(value: Any, go_type: str, where: str) -> ApiError:
    kinds = {bool: "bool", str: "string", list: "array", dict: "object"}
    kind = kinds.get(type(value), "number")
    into = f"Go struct field {where} of type" if where else "Go value of type"
    return ApiError(400, f"json: cannot unmarshal {kind} into {into} {go_type}")
