"""People: users, roles, signing in and up, one-time links, the error shape that every part speaks."""

from __future__ import annotations
