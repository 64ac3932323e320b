"""What stops a start."""

from __future__ import annotations

from launch.words import say


class StartError(SystemExit):
    """Ends the process; its text is the one line that the person sees."""


def refuse(key: str, **fields: object) -> StartError:
    """Return the error that shows the line `key` of the words table."""
    return StartError(say(key, **fields))
