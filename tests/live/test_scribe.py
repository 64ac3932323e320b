from __future__ import annotations

import threading
import time

import pytest

from live import log
from live.redis import client
from live.scribe import CALM, LONGEST_PAUSE, Line, Scribe, pause_for
from tests.live.reading import entries, frames, text

WAIT = 30.0


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def wait_for_text(identity: int, words: str) -> None:
    deadline = time.monotonic() + WAIT
    while log.read_told("message", identity).text != words:
        assert time.monotonic() < deadline, log.read_told("message", identity)
        time.sleep(0.005)


def end(line: Line) -> None:
    line.end(status="complete")
    assert line.written.wait(WAIT)


def test_what_is_said_is_written_in_its_order_and_the_end_last(scribe: Scribe) -> None:
    line = scribe.open("message", 1)
    line.tell("status", status="loading")
    line.add(thinking="Hm.")
    line.add(text="The ")
    wait_for_text(1, "The ")
    line.add(text="sky")
    line.tell("usage", tokens=2)
    end(line)
    told = frames(1)
    assert told[0] == {"type": "status", "status": "loading"}
    assert told[-1] == {"type": "end", "status": "complete"}
    assert [frame["type"] for frame in told].count("end") == 1
    assert log.read_told("message", 1) == log.Told("The sky", "Hm.", ended=True)


def test_nothing_is_lost_however_fast_it_comes(scribe: Scribe) -> None:
    words = [f"w{number} " for number in range(2000)]
    line = scribe.open("message", 1)
    for word in words:
        line.add(text=word)
    end(line)
    assert log.read_told("message", 1).text == "".join(words) == line.text
    assert len(entries(1)) < len(words)


def test_many_answers_are_written_by_one_thread_and_none_gets_anothers_words(scribe: Scribe) -> None:
    lines = [scribe.open("message", identity) for identity in range(20)]

    def say(identity: int) -> None:
        for number in range(50):
            lines[identity].add(text=f"{identity}:{number} ")
        lines[identity].end(status="complete")

    threads = [threading.Thread(target=say, args=(identity,)) for identity in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert all(line.written.wait(WAIT) for line in lines)
    for identity in range(20):
        expected = "".join(f"{identity}:{number} " for number in range(50))
        assert log.read_told("message", identity) == log.Told(expected, "", ended=True)
    assert scribe.running == 0


def test_a_log_that_was_lost_is_written_anew_with_its_state(scribe: Scribe) -> None:
    line = scribe.open("message", 1)
    line.tell("status", status="streaming")
    line.add(text="The ", thinking="Hm.")
    wait_for_text(1, "The ")
    client().delete(log.stream_key("message", 1))
    line.add(text="sky")
    wait_for_text(1, "The sky")
    end(line)
    assert frames(1) == [
        {"type": "status", "status": "streaming"},
        text(0, "Hm.", "thinking"),
        text(0, "The sky"),
        {"type": "end", "status": "complete"},
    ]


def test_a_log_that_was_lost_just_before_the_end_is_written_anew(scribe: Scribe) -> None:
    line = scribe.open("message", 1)
    line.add(text="The sky")
    wait_for_text(1, "The sky")
    client().flushdb()
    end(line)
    assert frames(1) == [text(0, "The sky"), {"type": "end", "status": "complete"}]


def test_a_continued_answer_begins_with_what_it_had_said(scribe: Scribe) -> None:
    line = scribe.open("message", 1, text="The ", thinking="Hm.")
    wait_for_text(1, "The ")
    assert (line.text, line.thinking, line.length) == ("The ", "Hm.", 7)
    line.add(text="sky")
    end(line)
    assert log.read_told("message", 1) == log.Told("The sky", "Hm.", ended=True)


def test_offsets_count_code_points(scribe: Scribe) -> None:
    line = scribe.open("message", 1)
    line.add(text="🙂é")
    wait_for_text(1, "🙂é")
    line.add(text="!")
    end(line)
    assert line.length == 3
    assert frames(1)[0] == text(0, "🙂é!")


def test_a_finished_log_expires_and_a_running_one_does_not(scribe: Scribe) -> None:
    line = scribe.open("message", 1)
    line.add(text="The sky")
    wait_for_text(1, "The sky")
    assert client().ttl(log.stream_key("message", 1)) == -1
    end(line)
    assert 0 < client().ttl(log.stream_key("message", 1)) <= log.KEPT_AFTER_END


def test_only_open_lines_count_as_running(scribe: Scribe) -> None:
    first, second = scribe.open("message", 1), scribe.open("message", 2)
    assert scribe.running == 2
    end(first)
    assert scribe.running == 1
    end(second)
    assert scribe.running == 0


@pytest.mark.parametrize("running", [0, 1, CALM])
def test_few_answers_need_no_pause(running: int) -> None:
    assert pause_for(running) == 0


def test_the_pause_grows_with_the_answers_up_to_its_longest() -> None:
    pauses = [pause_for(running) for running in range(CALM, 1000, 20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
