"""What our hand-over adds to what the services themselves need."""

from __future__ import annotations

COLUMNS = ("hand-over, ms", "the services alone, p50", "ours, p50 / p95", "added, p50")


def measure_handoff() -> list[list[str]]:
    """Return a row for each direction."""
    return []
