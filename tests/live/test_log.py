from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import log
from live.redis import client, key
from tests.live.reading import entries, frames, text, write

STATUS: log.Frame = {"type": "status", "status": "streaming"}


@pytest.mark.parametrize("seq", ["0", "1-0", "1763900000000-12", "9" * 20])
def test_what_redis_calls_an_entry_is_a_seq(seq: str) -> None:
    assert log.is_seq(seq)


@pytest.mark.parametrize("seq", ["", "-", "$", "+", "1-", "-1", "1-2-3", "x", "1 ", "1\n", "9" * 21, "(1"])
def test_nothing_else_is_a_seq(seq: str) -> None:
    assert not log.is_seq(seq)


def test_a_stream_has_the_apps_prefix() -> None:
    assert log.stream_key("message", 5) == key("live", "message", "5") == "test:live:message:5"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ([], []),
        ([text(0, "a"), text(1, "b"), text(2, "c")], [text(0, "abc")]),
        ([text(0, "мама"), text(4, "🙂"), text(5, "!")], [text(0, "мама🙂!")]),
        ([text(0, "a"), STATUS, text(1, "b")], [text(0, "a"), STATUS, text(1, "b")]),
        ([text(0, "a", "thinking"), text(0, "b")], [text(0, "a", "thinking"), text(0, "b")]),
        ([text(0, "ab"), text(1, "xy")], [text(0, "ab"), text(1, "xy")]),
        ([text(0, "ab"), text(5, "gap")], [text(0, "ab"), text(5, "gap")]),
        ([text(0, "ab"), text(0, "abcd")], [text(0, "ab"), text(0, "abcd")]),
        ([STATUS, STATUS], [STATUS, STATUS]),
    ],
)
def test_pieces_that_follow_each_other_are_read_as_one(told: list[Any], read: list[Any]) -> None:
    write(1, *told)
    assert frames(1) == read


def test_a_joined_piece_has_the_seq_of_its_last_part() -> None:
    *_, last = write(1, text(0, "a"), text(1, "b"), text(2, "c"))
    assert [frame["seq"] for frame in log.read_frames(entries(1))] == [last]


def test_pieces_of_two_answers_are_never_joined() -> None:
    waiting: list[log.Frame] = []
    log.add_frame(waiting, {**text(0, "a"), "kind": "message", "id": 1, "seq": "1-0"})
    log.add_frame(waiting, {**text(1, "b"), "kind": "message", "id": 2, "seq": "1-1"})
    assert len(waiting) == 2


def test_joining_changes_no_frame_that_others_hold() -> None:
    first = {**text(0, "a"), "seq": "1-0"}
    waiting = [first]
    log.add_frame(waiting, {**text(1, "b"), "seq": "1-1"})
    assert first == {**text(0, "a"), "seq": "1-0"}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], ""),
        ([text(0, "The "), text(4, "sky")], "The sky"),
        ([text(0, "The sea"), text(0, "The "), text(4, "sky is")], "The sky is"),
        ([text(0, "🙂é"), STATUS, text(2, "!")], "🙂é!"),
    ],
)
def test_what_was_told_is_rebuilt_by_offsets(told: list[log.Frame], words: str) -> None:
    write(1, *told)
    assert log.read_told("message", 1) == log.Told(words, "", ended=False)


def test_thinking_and_the_end_are_read_too() -> None:
    write(1, text(0, "Hm.", "thinking"), text(0, "Blue."))
    log.write_end("message", 1, status="stopped")
    assert log.read_told("message", 1) == log.Told("Blue.", "Hm.", ended=True)
    assert frames(1)[-1] == {"type": "end", "status": "stopped"}


def test_an_ended_log_goes_after_its_time() -> None:
    write(1, text(0, "Blue."))
    assert client().ttl(log.stream_key("message", 1)) == -1
    log.write_end("message", 1, status="stopped")
    assert 0 < client().ttl(log.stream_key("message", 1)) <= log.KEPT_AFTER_END


def test_a_forgotten_log_is_empty() -> None:
    write(1, text(0, "Blue."))
    log.forget("message", 1)
    log.forget("message", 1)
    assert entries(1) == []


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_a_text_cut_anywhere_is_read_whole(words: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(words)) for cut in cuts), len(words)]
    pieces = [text(start, words[start:end]) | {"seq": "1-0"} for start, end in pairwise(places)]
    read: list[log.Frame] = []
    for piece in pieces:
        log.add_frame(read, piece)
    assert [frame["text"] for frame in read] == [words]
