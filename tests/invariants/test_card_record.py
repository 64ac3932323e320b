"""The judge of the card's tests is judged, too."""

from __future__ import annotations

import pytest

from tests.invariants.card_record import overlaps


def test_a_short_pause_does_not_hide_how_long_both_computed() -> None:
    both = overlaps([(0.0, 0.9), (0.901, 1.8), (5.0, 6.0)], [(0.0, 5.5)])
    assert both == pytest.approx([1.8, 0.5])
    assert overlaps([(0.0, 1.0)], [(1.0, 2.0)]) == []
