"""The API that many tools know (OpenAI's), over the same line, limits and keys."""

from __future__ import annotations
