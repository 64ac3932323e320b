"""Commands for whoever runs the app."""

from __future__ import annotations
