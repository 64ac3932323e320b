from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chats.context import (
    LEAST_ANSWER,
    TURN_TOKENS,
    Fitted,
    TooLongError,
    Turn,
    count_tokens,
    fit,
    prompt_budget,
    share_read,
)

roles = st.sampled_from(["user", "assistant"])
turns_of_any_kind = st.lists(st.builds(Turn, roles, st.text(max_size=60)), min_size=1, max_size=12)
bytes_per_token = st.floats(min_value=1.0, max_value=8.0)


def conversation(*lengths: int) -> list[Turn]:
    """Return turns of these lengths, a person's first, then in alternation."""
    return [Turn("assistant" if place % 2 else "user", "x" * size) for place, size in enumerate(lengths)]


def cost(turns: list[Turn], bytes_per_token: float = 1.0) -> int:
    return sum(count_tokens(turn, bytes_per_token) for turn in turns)


@pytest.mark.parametrize(
    ("window", "budget"),
    [(512, 256), (1024, 768), (2048, 1536), (4096, 3072), (8192, 6144), (131_072, 98_304)],
)
def test_a_quarter_of_the_window_is_kept_for_the_answer_and_at_least_a_little(
    window: int, budget: int
) -> None:
    assert prompt_budget(window) == budget
    assert window - budget >= LEAST_ANSWER


@pytest.mark.parametrize(
    ("content", "bytes_per_token", "tokens"),
    [("", 4.0, 0), ("abcd", 4.0, 1), ("abcdefgh", 2.0, 4), ("мама", 2.0, 4), ("🙂", 1.0, 4)],
)
def test_tokens_are_counted_by_bytes_and_each_turn_has_its_frame(
    content: str, bytes_per_token: float, tokens: int
) -> None:
    assert count_tokens(Turn("user", content), bytes_per_token) == tokens + TURN_TOKENS


# Each turn below costs its length and TURN_TOKENS.
@pytest.mark.parametrize(
    ("lengths", "budget", "kept"),
    [
        ([2], 10, 1),
        ([2, 2, 2], 30, 3),
        ([2, 2, 2], 29, 1),  # two would fit, but then a model's turn would be first
        ([2, 2, 2], 10, 1),
        ([90, 2, 2, 2, 2], 40, 3),
        ([2, 2, 90, 2, 2], 40, 1),
        ([2, 2, 2, 2, 2], 39, 3),
    ],
)
def test_the_newest_turns_that_fit_are_sent(lengths: list[int], budget: int, kept: int) -> None:
    turns = conversation(*lengths)
    fitted = fit(turns, budget=budget, bytes_per_token=1.0)
    assert fitted == Fitted(turns[-kept:], len(turns) - kept, sum(lengths[-kept:]))


@pytest.mark.parametrize(("budget", "keep"), [(9, 1), (19, 2), (0, 1)])
def test_what_must_be_kept_and_does_not_fit_is_too_long(budget: int, keep: int) -> None:
    with pytest.raises(TooLongError):
        fit(conversation(2, 2, 2), budget=budget, bytes_per_token=1.0, keep=keep)


def test_a_continued_answer_is_kept_together_with_its_question() -> None:
    turns = conversation(50, 50, 2, 2)
    assert fit(turns, budget=20, bytes_per_token=1.0, keep=2).turns == turns[2:]


def test_the_size_of_what_is_sent_is_in_bytes() -> None:
    assert fit([Turn("user", "мама")], budget=100, bytes_per_token=1.0).bytes == 8


@given(turns_of_any_kind, st.integers(0, 400), bytes_per_token, st.integers(1, 2))
def test_never_more_is_sent_than_the_budget(
    turns: list[Turn], budget: int, bytes_per_token: float, keep: int
) -> None:
    try:
        fitted = fit(turns, budget=budget, bytes_per_token=bytes_per_token, keep=keep)
    except TooLongError:
        return
    assert cost(fitted.turns, bytes_per_token) <= budget
    assert fitted.turns == turns[fitted.left_out :]
    assert fitted.bytes == sum(len(turn.content.encode()) for turn in fitted.turns)


@given(turns_of_any_kind, st.integers(0, 400), bytes_per_token, st.integers(1, 2))
def test_the_last_turns_are_always_there_unless_they_alone_are_too_long(
    turns: list[Turn], budget: int, bytes_per_token: float, keep: int
) -> None:
    last = turns[-keep:]
    if keep > len(turns) or cost(last, bytes_per_token) > budget:
        with pytest.raises(TooLongError):
            fit(turns, budget=budget, bytes_per_token=bytes_per_token, keep=keep)
    else:
        fitted = fit(turns, budget=budget, bytes_per_token=bytes_per_token, keep=keep)
        assert fitted.turns[-keep:] == last


@given(turns_of_any_kind, st.integers(0, 400), bytes_per_token)
def test_nothing_is_left_out_that_could_have_been_sent(
    turns: list[Turn], budget: int, bytes_per_token: float
) -> None:
    try:
        fitted = fit(turns, budget=budget, bytes_per_token=bytes_per_token)
    except TooLongError:
        return
    longer = [place for place in range(fitted.left_out) if cost(turns[place:], bytes_per_token) <= budget]
    assert all(place > 0 and turns[place].role != "user" for place in longer)


@given(turns_of_any_kind, st.integers(0, 400))
def test_a_cut_conversation_begins_with_a_persons_turn(turns: list[Turn], budget: int) -> None:
    try:
        fitted = fit(turns, budget=budget, bytes_per_token=1.0)
    except TooLongError:
        return
    assert not fitted.left_out or len(fitted.turns) == 1 or fitted.turns[0].role == "user"


@pytest.mark.parametrize(
    ("sent", "read", "share"),
    [
        (4000, 1000, 100),  # as expected
        (6000, 1000, 100),  # an estimate may err by half
        (16_000, 1000, 25),  # cut to the window
        (16_000, 500, 12),  # cut to half of it
        (16_000, 100, 100),  # no cut leaves so little: counted without what was cached
        (16_000, 0, 100),  # not counted at all
    ],
)
def test_what_ollama_has_dropped_is_known_by_its_own_count(sent: int, read: int, share: int) -> None:
    assert share_read(sent, read, 4.0, window=1024) == share
