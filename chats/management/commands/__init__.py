"""Commands of the chats."""

from __future__ import annotations
