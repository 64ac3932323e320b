"""Placeholder until the real module lands (temporary, overwrite me)."""

from __future__ import annotations

from typing import Any


def read_card() -> Any:
    """Return None."""
    return None
