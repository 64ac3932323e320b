"""The Procfile: which processes the app is made of."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")


def read(path: Path) -> dict[str, list[str]]:
    """Return each process's command by its name; `python` becomes the Python that runs this."""
    found = (LINE.match(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())
    return {match[1]: _command(match[2]) for match in found if match}


def _command(text: str) -> list[str]:
    first, *rest = shlex.split(text)
    return [sys.executable if first == "python" else first, *rest]
