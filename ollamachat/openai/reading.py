"""What a call asks for, read into what Ollama takes. Rules only: no database, no network.

Shapes as OpenAI's reference of chat completions has them; what cannot be done is refused by
name, never left out in silence.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import Code
from chats.calls import Asked
from ollamachat.openai.errors import CallError

MOST_MESSAGES, MOST_STOPS, MOST_TOOLS = 2_000, 16, 128
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
EFFORTS = {"none": "off", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
NO_SUCH_MODEL = _("There is no model “%(name)s” here. GET /v1/models lists those that are.")
NOT_DONE = _("“%(name)s” cannot be done here.")
NO_FETCHING = _("Pictures come as data: URLs; no address is fetched here.")

TakePicture = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Read:
    """A call, and how its answer is to come."""

    asked: Asked
    stream: bool
    include_usage: bool
    has_pictures: bool


def read_call(body: Any, take_picture: TakePicture) -> Read:
    """Return what the call asks for; `take_picture` makes a picture anew or refuses it. Raises AppError."""
    if not isinstance(body, Mapping):
        raise CallError(_("Send a JSON object."))
    _refuse_what_cannot_be_done(body)
    messages = _read_messages(body.get("messages"), take_picture)
    asked = Asked(
        model_name=_text(body, "model"),
        messages=messages,
        tools=_read_tools(body),
        format=_read_format(body.get("response_format")),
        options=_read_options(body),
        num_predict=_whole(body, "max_completion_tokens") or _whole(body, "max_tokens"),
        think=_read_effort(body.get("reasoning_effort")),
    )
    wishes = body.get("stream_options") or {}
    return Read(
        asked,
        stream=body.get("stream") is True,
        include_usage=isinstance(wishes, Mapping) and wishes.get("include_usage") is True,
        has_pictures=any("images" in message for message in messages),
    )


def _refuse_what_cannot_be_done(body: Mapping[str, Any]) -> None:
    choice = body.get("tool_choice")
    wrong = {
        "n": body.get("n") not in (None, 1),
        "logprobs": bool(body.get("logprobs")),
        "top_logprobs": bool(body.get("top_logprobs")),
        "logit_bias": bool(body.get("logit_bias")),
        "audio": body.get("audio") is not None,
        "tool_choice": choice not in (None, "auto", "none"),
        "functions": bool(body.get("functions")),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise CallError(NOT_DONE % {"name": name}, param=name, name="unsupported_parameter")


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 190:
        raise CallError(_("“%(name)s” is missing.") % {"name": name}, param=name)
    return value


def _whole(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 131_072:
        raise CallError(_("A whole number from 1 to 131072."), param=name)
    return value


def _read_options(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise CallError(_("A number from %(low)s to %(high)s.") % {"low": low, "high": high}, param=name)
        found[name] = value
    seed = body.get("seed")
    if seed is not None:
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise CallError(_("A whole number."), param="seed")
        found["seed"] = seed % 2**31
    if stops := _read_stops(body.get("stop")):
        found["stop"] = stops
    return found


def _read_stops(stop: Any) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop or []
    fits = isinstance(stops, list) and len(stops) <= MOST_STOPS
    if not fits or not all(isinstance(one, str) and one for one in stops):
        raise CallError(_("A text, or a list of at most %(most)d.") % {"most": MOST_STOPS}, param="stop")
    return list(stops)


def _read_effort(effort: Any) -> str:
    if effort is None:
        return ""
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise CallError(_("One of: %(names)s.") % {"names": ", ".join(EFFORTS)}, param="reasoning_effort")
    return EFFORTS[effort]


def _read_format(wanted: Any) -> dict[str, Any] | str | None:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else wanted
    if kind in (None, "text"):
        return None
    if kind == "json_object":
        return "json"
    schema = wanted.get("json_schema") if isinstance(wanted, Mapping) else None
    schema = schema.get("schema") if isinstance(schema, Mapping) else None
    if kind != "json_schema" or not isinstance(schema, Mapping):
        raise CallError(
            _("One of: %(names)s.") % {"names": "text, json_object, json_schema"}, param="response_format"
        )
    return dict(schema)


def _read_tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    if body.get("tool_choice") == "none":
        return []
    if not isinstance(tools, list) or len(tools) > MOST_TOOLS:
        raise CallError(_("A list of at most %(most)d.") % {"most": MOST_TOOLS}, param="tools")
    for tool in tools:
        function = (
            tool.get("function") if isinstance(tool, Mapping) and tool.get("type") == "function" else None
        )
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise CallError(_("Each tool is {type: function, function: {name, …}}."), param="tools")
    return [dict(tool) for tool in tools]


def _read_messages(messages: Any, take_picture: TakePicture) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_MESSAGES:
        raise CallError(_("A list of one to %(most)d messages.") % {"most": MOST_MESSAGES}, param="messages")
    names: dict[str, str] = {}
    return [
        _read_message(message, f"messages[{at}]", names, take_picture) for at, message in enumerate(messages)
    ]


def _read_message(
    message: Any, where: str, names: dict[str, str], take_picture: TakePicture
) -> dict[str, Any]:
    """Return one message; `names` learns which tool each call of the conversation was for."""
    role = message.get("role") if isinstance(message, Mapping) else None
    if not isinstance(role, str) or role not in ROLES:
        raise CallError(_("One of: %(names)s.") % {"names": ", ".join(ROLES)}, param=f"{where}.role")
    text, pictures = _read_content(message.get("content"), f"{where}.content", take_picture)
    told: dict[str, Any] = {"role": ROLES[role], "content": text}
    if pictures:
        told["images"] = pictures
    if calls := message.get("tool_calls"):
        told["tool_calls"] = _read_tool_calls(calls, f"{where}.tool_calls", names)
    if role == "tool":
        told["tool_name"] = names.get(str(message.get("tool_call_id")), str(message.get("name") or ""))
    return told


def _read_content(content: Any, where: str, take_picture: TakePicture) -> tuple[str, list[str]]:
    if content is None:
        return "", []
    if isinstance(content, str):
        return content.replace("\x00", ""), []
    if not isinstance(content, list):
        raise CallError(_("A text, or a list of parts."), param=where)
    words, pictures = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in ("text", "input_text") and isinstance(part.get("text"), str):
            words.append(part["text"].replace("\x00", ""))
        elif kind == "image_url":
            pictures.append(_read_picture(part.get("image_url"), where, take_picture))
        else:
            raise CallError(_("A part is {type: text} or {type: image_url}."), param=where)
    return "\n".join(words), pictures


def _read_picture(given: Any, where: str, take_picture: TakePicture) -> str:
    url = given.get("url") if isinstance(given, Mapping) else given
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise CallError(NO_FETCHING, param=where, name="invalid_image_url")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise CallError(NO_FETCHING, param=where, name="invalid_image_url") from None
    return base64.b64encode(take_picture(raw)).decode()


def _read_tool_calls(calls: Any, where: str, names: dict[str, str]) -> list[dict[str, Any]]:
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise CallError(_("A list of tool calls."), param=where)
    told = []
    for call in calls:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise CallError(_("A list of tool calls."), param=where)
        names[str(call.get("id"))] = function["name"]
        arguments = _read_arguments(function.get("arguments"), where)
        told.append({"function": {"name": function["name"], "arguments": arguments}})
    return told


def _read_arguments(text: Any, where: str) -> dict[str, Any]:
    """Return the arguments as an object: Ollama refuses them as a text."""
    try:
        found = json.loads(text or "{}") if text is None or isinstance(text, str) else text
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CallError(_("The arguments of a tool call are a JSON object."), param=where)
    return found


def wrong_model(name: str) -> CallError:
    """Return the error for a model that is not here."""
    return CallError(
        NO_SUCH_MODEL % {"name": name}, code=Code.NOT_FOUND, param="model", name="model_not_found"
    )
