"""What other apps show inside a conversation: a kind of message may have a template of its own.

Imports run only downwards, so the apps above register here in AppConfig.ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts import rights
from accounts.models import Verb
from chats.models import Message


@dataclass(frozen=True)
class Part:
    """How a kind of message is shown; `prefetch` reads what the template needs, for all of them at once.

    `copy(original, copy)` gives a message's copy in another chat what belongs to it. `stop` ends what is
    still being made for a message.
    """

    template: str
    prefetch: Callable[[Sequence[Message]], None]
    copy: Callable[[Message, Message], None]
    stop: Callable[[Message], None]


@dataclass(frozen=True)
class Tool:
    """Something at the composer's field: its templates, and what they need to know.

    `template` stands in the bar below the field, `above` above it, `menu` in the menu of the plus.
    Who may not do what the tool is for does not see it.
    """

    context: Callable[[Any], dict[str, Any]]
    template: str = ""
    above: str = ""
    menu: str = ""
    verb: Verb | None = None


_parts: dict[str, Part] = {}
_tools: list[Tool] = []


def register(kind: str, part: Part) -> None:
    """Have messages of `kind` shown so; called from AppConfig.ready."""
    _parts[kind] = part


def add_tool(tool: Tool) -> None:
    """Put a tool beside the composer; called from AppConfig.ready."""
    _tools.append(tool)


def attach(messages: Sequence[Message]) -> None:
    """Give each message of a registered kind its template as `part`, and read what it shows."""
    for kind, part in _parts.items():
        mine = [message for message in messages if message.kind == kind]
        if mine:
            part.prefetch(mine)
            for message in mine:
                message.part = part.template  # type: ignore[attr-defined]


def copy_part(original: Message, copy: Message) -> None:
    """Give a message's copy what the app of its kind keeps beside it."""
    if part := _parts.get(original.kind):
        part.copy(original, copy)


def stop_parts(messages: QuerySet[Message]) -> None:
    """End what the apps above still make for these messages."""
    for message in messages.filter(kind__in=_parts, status__in=Message.RUNNING):
        _parts[message.kind].stop(message)


def tools(user: Any) -> list[dict[str, Any]]:
    """Return the composer's tools, each as {template, above, menu, ...context}."""
    offered = [tool for tool in _tools if tool.verb is None or rights.may(user, tool.verb)]
    return [
        {"template": tool.template, "above": tool.above, "menu": tool.menu, **tool.context(user)}
        for tool in offered
    ]
