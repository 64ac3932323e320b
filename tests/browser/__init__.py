"""The page in a real Chromium, in front of the app's real processes."""

from __future__ import annotations
