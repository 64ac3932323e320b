"""The commands themselves."""

from __future__ import annotations
