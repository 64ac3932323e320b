"""start.py and its processes."""

from __future__ import annotations
