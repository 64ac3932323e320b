from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu.suggestions import LIBRARY, ROOM_BESIDE, Suggestion, card_memory_gb, suggest


@pytest.mark.parametrize(
    ("memory_gb", "first"),
    [
        (80.0, "gpt-oss:20b"),
        (24.0, "gpt-oss:20b"),
        (16.0, "qwen3:14b"),
        (12.0, "qwen3:14b"),
        (10.0, "gemma3:12b"),
        (8.0, "qwen3:8b"),
        (6.0, "gemma3:4b"),
        (4.0, "gemma3:4b"),
        (2.0, "gemma3:4b"),
        (None, "gemma3:4b"),
    ],
)
def test_the_best_that_fits_the_card_comes_first(memory_gb: float | None, first: str) -> None:
    assert suggest(memory_gb)[0].name == first


@given(st.none() | st.floats(min_value=0, max_value=200))
def test_there_are_always_three_and_the_largest_first(memory_gb: float | None) -> None:
    suggested = suggest(memory_gb)
    sizes = [model.size_gb for model in suggested]
    assert len(set(suggested)) == 3
    assert sizes == sorted(sizes, reverse=True)


@given(st.floats(min_value=5, max_value=200))
def test_what_is_suggested_for_a_card_fits_it(memory_gb: float) -> None:
    assert all(model.size_gb * ROOM_BESIDE <= memory_gb for model in suggest(memory_gb))


@pytest.mark.parametrize("model", LIBRARY, ids=lambda model: str(model.name))
def test_each_suggestion_says_what_it_takes(model: Suggestion) -> None:
    assert model.command == f"ollama pull {model.name}"
    assert model.minutes >= 1
    assert model.disk_gb == model.size_gb
    assert str(model.about).endswith(".")


def test_a_machine_without_a_card_is_no_error() -> None:
    memory = card_memory_gb()
    assert memory is None or memory > 0
