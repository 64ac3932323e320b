"""Commands for the machine with the card."""

from __future__ import annotations
