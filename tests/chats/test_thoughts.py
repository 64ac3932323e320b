"""Thoughts in a model's text: told from the answer wherever the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from chats.models import Chat
from chats.thoughts import Thoughts
from gpu.services.ollama import Numbers, Piece
from tests.chats.desk import Desk
from tests.standins.ollama_script import Script

CAPTURED = "<think>\nThe user wants the capital of Italy. That is Rome.\n</think>\nRome"  # 15-think-false
THOUGHT = "The user wants the capital of Italy. That is Rome.\n"


def sorted_pieces(pieces: list[Piece]) -> tuple[str, str]:
    """Return all thoughts and all text of a stream of these."""
    told = [Piece(numbers=Numbers())]
    sort = Thoughts().sort
    found = [sort(piece) for piece in pieces + told]
    return "".join(piece.thinking for piece in found), "".join(piece.text for piece in found)


@given(st.lists(st.integers(0, len(CAPTURED)), max_size=12))
def test_tags_may_be_cut_anywhere(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(CAPTURED)]
    pieces = [Piece(CAPTURED[begin:end]) for begin, end in pairwise(ends)]
    assert sorted_pieces(pieces) == (THOUGHT, "Rome")


@pytest.mark.parametrize(
    "text",
    [
        "Rome",
        " next",
        "<thinking>x",
        "<th",
        "<",
        "Say <think>so</think>.",
        "a </think> b",
        "\n\n  Rome\n",
        "",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_any_other_text_stays_as_it_is(text: str, size: int) -> None:
    pieces = [Piece(text[at : at + size]) for at in range(0, len(text), size)]
    assert sorted_pieces(pieces) == ("", text)


def test_thoughts_without_an_end_are_thoughts() -> None:
    assert sorted_pieces([Piece("<think>So"), Piece(" far </th")]) == ("So far </th", "")


def test_what_ollama_told_apart_stays_apart() -> None:
    assert sorted_pieces([Piece(thinking="Hm."), Piece("Rome")]) == ("Hm.", "Rome")


def test_a_model_that_thinks_though_told_not_to_is_not_shown_its_thoughts_again(
    desk: Desk, alice: User
) -> None:
    desk.ollama.script(Script(tokens=[CAPTURED[at : at + 4] for at in range(0, len(CAPTURED), 4)]))
    answer = desk.ask(alice, "The capital of Italy?")
    assert (answer.thinking, answer.content) == (THOUGHT, "Rome")
    desk.ask(alice, "And of France?", chat=Chat.objects.get(pk=answer.chat_id))
    assert desk.sent()[1] == ("assistant", "Rome")
