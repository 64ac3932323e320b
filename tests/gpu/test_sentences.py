from __future__ import annotations

import pytest
from django.utils import translation

from gpu import sentences
from gpu.arbiter import DRAW


@pytest.mark.parametrize(
    ("amount", "english", "russian"),
    [(24 * 2**30, "24", "24"), (18_600 * 2**20, "18.2", "18,2"), (0, "0", "0")],
)
def test_memory_of_the_card_is_counted_as_cards_are_sold(amount: int, english: str, russian: str) -> None:
    assert sentences.gigabytes(amount) == english
    with translation.override("ru"):
        assert sentences.gigabytes(amount) == russian


def test_pictures_are_counted() -> None:
    drawn = {"type": "released", "stage": DRAW, "used": 124_000}
    with translation.override("en"):
        assert sentences.diary_line({**drawn, "images": 4}) == "4 pictures were drawn in 2 min"
        assert sentences.diary_line(drawn) == "a picture was drawn in 2 min"
