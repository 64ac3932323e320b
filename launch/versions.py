"""Which Python the app runs on. This module and `words` must load on Python 3.8."""

from __future__ import annotations

import sys
from typing import Tuple  # noqa: UP035

from launch.words import say

OLDEST, NEWEST = (3, 11), (3, 13)


def complaint(version: Tuple[int, ...]) -> str:  # noqa: UP006
    """Return the one line that says why this Python cannot run the app, or nothing if it can."""
    name = ".".join(str(part) for part in version[:2])
    if version[:2] < OLDEST:
        return say("python_old", found=name)
    if version[:2] > NEWEST:
        return say("python_new", found=name)
    return ""


def check() -> None:
    """End the process with one line if this Python cannot run the app."""
    line = complaint(sys.version_info[:2])
    if line:
        sys.exit(line)
