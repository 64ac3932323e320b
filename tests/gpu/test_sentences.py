from __future__ import annotations

import pytest
from django.utils import translation

from gpu import sentences


@pytest.mark.parametrize(
    ("amount", "english", "russian"),
    [(24 * 2**30, "24", "24"), (18_600 * 2**20, "18.2", "18,2"), (0, "0", "0")],
)
def test_memory_of_the_card_is_counted_as_cards_are_sold(amount: int, english: str, russian: str) -> None:
    assert sentences.gigabytes(amount) == english
    with translation.override("ru"):
        assert sentences.gigabytes(amount) == russian
