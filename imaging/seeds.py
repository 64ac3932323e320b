"""Seeds: text of whole numbers up to 2^64-1; drawn ones stay exact in every script of a page."""

from __future__ import annotations

import secrets

GREATEST = 2**64 - 1
GREATEST_DRAWN = 2**53 - 1


def for_variants(seed: str, count: int) -> list[str]:
    """Return a seed for each variant, all different: drawn ones, or those from the given one upwards."""
    if seed:
        return [str((int(seed) + index) % (GREATEST + 1)) for index in range(count)]
    drawn: set[int] = set()
    while len(drawn) < count:
        drawn.add(secrets.randbelow(GREATEST_DRAWN))
    return [str(value) for value in drawn]
