"""The tables of people and their links."""

from __future__ import annotations
