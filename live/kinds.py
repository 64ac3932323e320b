"""What can be followed on the socket; each app registers its kinds here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Followed:
    """What a person may follow: the id of its log, and its last frame when it is over already."""

    identity: str
    over: dict[str, Any] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of thing to follow.

    `find(user, id)` answers what the user may follow, None for a stranger; it may ask the
    database. `history`: does someone who joins with after "0" get what was told before?
    """

    name: str
    find: Callable[[Any, str], Followed | None]
    history: bool = True
    stop: Callable[[Any, str], None] | None = None


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make `kind` known; called from AppConfig.ready."""
    _kinds[kind.name] = kind


def get(name: object) -> Kind | None:
    """Return the kind of that name, if there is one."""
    return _kinds.get(name) if isinstance(name, str) else None
