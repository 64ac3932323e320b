"""What other apps keep beside messages, on its way out of here in an export and back in.

Imports run only downwards, so the apps above register here in AppConfig.ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chats.models import Message
from chats.told import Told


class Packing(Protocol):
    """Where an export puts pictures: returns what says so in its JSON."""

    def __call__(self, data: bytes, content_type: str) -> dict[str, str]: ...


class Unpacking(Protocol):
    """Where an import gets pictures from, by what `Packing` said. Raises AppError."""

    def __call__(self, told: Told) -> bytes: ...


@dataclass(frozen=True)
class Carrier:
    """How an app's part of messages is written and read; JSON on the way, under `name`.

    `pack` returns the parts of those messages that have one, each with `pictures`: what `Packing` said
    and a `name` in each. `check` reads a part for the user and returns what `put` needs, which cannot fail.
    """

    name: str
    pack: Callable[[Sequence[Message], Packing], dict[int, dict[str, Any]]]
    check: Callable[[Told, Unpacking, Any], Any]
    put: Callable[[Message, Any], None]


_carriers: dict[str, Carrier] = {}


def register(carrier: Carrier) -> None:
    """Have a part of messages carried; called from AppConfig.ready."""
    _carriers[carrier.name] = carrier


def pack(messages: Sequence[Message], packing: Packing) -> dict[int, dict[str, Any]]:
    """Return the parts of each message that has any, by the carriers' names."""
    found: dict[int, dict[str, Any]] = {}
    for name, carrier in _carriers.items():
        for message_id, part in carrier.pack(messages, packing).items():
            found.setdefault(message_id, {})[name] = part
    return found


def check(parts: Told, unpacking: Unpacking, user: Any) -> dict[str, Any]:
    """Return the known parts, ready to be put beside a message. Raises AppError."""
    return {
        name: carrier.check(parts.inner(name), unpacking, user)
        for name, carrier in _carriers.items()
        if name in parts.data
    }


def put(message: Message, checked: dict[str, Any]) -> None:
    """Put what `check` returned beside a message."""
    for name, part in checked.items():
        _carriers[name].put(message, part)
