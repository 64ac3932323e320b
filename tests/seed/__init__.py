"""The `.env` blocks of the original set-up, as its README prints them."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
BLOCKS = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("backend.env", "frontend.env"))
