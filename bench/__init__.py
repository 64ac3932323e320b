"""Measurements of the whole app against stand-ins; each prints a Markdown table."""

from __future__ import annotations
