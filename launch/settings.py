"""The operator's settings as the app itself will read them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from launch import ROOT


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return every setting by name; a value that cannot be used ends the process with one line."""
    found: dict[str, Any] = _table().read(environ)
    return found


def from_environment(environ: Mapping[str, str]) -> list[str]:
    """Return the settings that this shell brings along, and that so win over `.env`."""
    return [name for name in _table().NAMES if environ.get(name) and name != "OLLAMA_CHAT_DATA"]


@cache
def _table() -> Any:
    """Return the table of settings, loaded by its path: its package would load Celery, and longest of all."""
    spec = importlib.util.spec_from_file_location("launch_settings_table", ROOT / "ollamachat" / "env.py")
    assert spec
    assert spec.loader
    table = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = table  # dataclasses look their module up
    spec.loader.exec_module(table)
    return table
