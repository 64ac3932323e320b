"""The door and everybody who comes through it."""

from __future__ import annotations
