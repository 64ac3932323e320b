"""What the apps above keep for a person: how it is handed out, and how it goes with the account.

Each app registers its part in AppConfig.ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from accounts.models import User

Exporter = Callable[[User], Iterable[tuple[str, bytes]]]
"""Yields the files of a person's export: a name inside the archive, and its content."""
Purger = Callable[[User], None]
"""Deletes what a person leaves behind outside of the rows that go with them, such as files."""

exporters: list[Exporter] = []
purgers: list[Purger] = []


def export(user: User) -> Iterable[tuple[str, bytes]]:
    """Yield every file of a person's export."""
    for exporter in exporters:
        yield from exporter(user)


def purge(user: User) -> None:
    """Have every app delete what it keeps for the person; what refers to others' rows goes before them."""
    for purger in reversed(purgers):
        purger(user)
