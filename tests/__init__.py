"""The tests, laid out as the apps are."""

from __future__ import annotations
