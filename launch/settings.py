"""The operator's settings as the app itself will read them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

from launch import ROOT


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return every setting by name; a value that cannot be used ends the process with one line.

    The table is loaded by its path: importing its package would load Celery and take longer than all else.
    """
    spec = importlib.util.spec_from_file_location("launch_settings_table", ROOT / "ollamachat" / "env.py")
    assert spec
    assert spec.loader
    table = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = table  # dataclasses look their module up
    spec.loader.exec_module(table)
    found: dict[str, Any] = table.read(environ)
    return found
