"""Everybody in line sees a place and an honest wait."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from django.utils import translation

from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    IDLE,
    NOBODY,
    OLLAMA,
    THINK,
    Card,
    Lease,
    Rules,
    Switch,
    Ticket,
)
from gpu.forecast import KEPT, KINDS, Durations, Place, explain, forecast, learn
from live.redis import client
from tests.gpu.table import ALICE, BOB, CAROL, NOW, Table

SECONDS = {
    "chat:": [10.0] * 5,
    "think:": [8.0] * 5,
    "draw:": [60.0] * 5,
    "draw:flux 1024 28": [30.0] * 5,
    "switch:comfyui": [20.0] * 5,
    "switch:ollama": [5.0] * 5,
}
PICTURE = "flux 1024 28"


def waits(table: Table, samples: Mapping[str, list[float]] = SECONDS) -> dict[int, tuple[int, float | None]]:
    """Return place and seconds of each waiting row."""
    told = forecast(table.card, table.now, table.rules, Durations.of_samples(samples))
    return {int(id_.removeprefix("job:")): (place.place, place.seconds) for id_, place in told.items()}


def table_with_pictures_about(about: str, *stages: str) -> Table:
    """Return a table on which the first runs since now and the others wait, each of another user."""
    table = Table(grace=20_000)
    for user, stage in enumerate(stages, start=10):
        table.ask(stage, user)
    for ticket in [*table.card.tickets, *(lease.ticket for lease in table.card.leases)]:
        ticket.about = about if ticket.stage == DRAW else ticket.about
    return table


def test_a_chat_waits_for_what_is_left_of_the_running_answer() -> None:
    table = table_with_pictures_about("", CHAT, CHAT, CHAT)
    table.do("claim", held_id=table.card.leases[0].id)
    table.now += 4_000
    assert waits(table) == {2: (1, 6.0), 3: (2, 16.0)}


def test_an_answer_that_takes_longer_than_usual_is_expected_to_end_in_a_second() -> None:
    table = table_with_pictures_about("", CHAT, CHAT)
    table.do("claim", held_id=table.card.leases[0].id)
    table.now += 300_000
    assert waits(table)[2] == (1, 1.0)


def test_places_follow_the_real_order_with_its_hand_overs() -> None:
    table = table_with_pictures_about(PICTURE, CHAT, CHAT, DRAW, DRAW, CHAT)
    assert waits(table) == {
        3: (1, 10 + 20.0),
        2: (2, 10 + 20 + 30 + 5.0),
        5: (3, 10 + 20 + 30 + 5 + 10.0),
        4: (4, 10 + 20 + 30 + 5 + 20 + 20.0),
    }


def test_a_running_hand_over_counts_from_its_beginning() -> None:
    table = Table()
    table.ask(DRAW)
    table.now += 15_000
    table.card.switch = Switch("switch-1", 1, COMFYUI, OLLAMA, NOW, table.now + 5_000, NOW)
    assert waits(table) == {1: (1, 5.0)}


def test_what_is_known_of_the_stage_alone_is_told_but_not_sure() -> None:
    durations = Durations.of_samples(SECONDS)
    exact, alike = (
        Ticket("job", 1, 1, stage=DRAW, about=PICTURE),
        Ticket("job", 2, 1, stage=DRAW, about="new"),
    )
    assert (durations.of(exact), durations.of(alike)) != (None, None)
    assert [place and (place.seconds, place.sure) for place in map(durations.of, (exact, alike))] == [
        (30.0, True),
        (60.0, False),
    ]


def test_two_durations_are_not_enough_to_be_sure() -> None:
    known = Durations.of_samples({"chat:m": [3.0, 5.0]}).known["chat:m"]
    assert (known.seconds, known.sure) == (4.0, False)


def test_behind_something_of_unknown_length_the_wait_is_unknown_and_the_place_is_not() -> None:
    table = table_with_pictures_about("", CHAT, DRAW, CHAT)
    samples = {kind: values for kind, values in SECONDS.items() if not kind.startswith("draw")}
    assert waits(table, samples) == {2: (1, 30.0), 3: (2, None)}


def test_with_two_slots_an_unknown_answer_holds_up_only_its_own() -> None:
    table = Table(slots=2)
    for user in (ALICE, BOB, CAROL, 4):
        table.ask(CHAT, user)
    table.card.leases[0].ticket.about = "known"
    assert waits(table, {"chat:known": [4.0] * 3})[3] == (1, 4.0)


def test_a_paused_line_keeps_its_places_and_tells_no_wait() -> None:
    table = table_with_pictures_about("", CHAT, CHAT)
    table.do("pause", on=True)
    assert waits(table) == {2: (1, None)}


def test_a_borrowed_card_comes_back_when_its_time_is_over() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    table.switch()
    table.ask(CHAT)
    assert waits(table) == {1: (1, 65.0)}
    told = forecast(table.card, table.now, table.rules, Durations.of_samples(SECONDS))
    assert not told["job:1"].sure  # it may come back earlier


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (60_000, {3: (1, 10.0), 1: (2, None)}),
        (
            2_000,
            {1: (1, None), 3: (2, None)},
        ),  # it is tried again before the chat: nobody knows how that ends
    ],
)
def test_a_service_that_does_not_start_makes_waits_unknown(
    backoff: int, expected: dict[int, tuple[int, float | None]]
) -> None:
    table = Table(backoff=backoff)
    table.ask(DRAW)
    table.fail()
    table.switch()
    table.ask(CHAT)
    table.ask(CHAT, BOB)
    assert waits(table) == expected


def test_a_title_waits_until_the_card_has_gone_home() -> None:
    table = Table(resident=COMFYUI, grace=20_000)
    for ticket in (
        Ticket("job", 1, ALICE, COMFYUI, DRAW, 10, about=PICTURE),
        Ticket("job", 2, BOB, stage=IDLE),
    ):
        table.do("enqueue", ticket=vars(ticket))
    assert waits(table) == {2: (1, 30 + 20 + 5.0)}


def test_short_memory_holds_everybody_up_for_an_unknown_time() -> None:
    table = Table(min_free_mb=1_024)
    table.do("measure", free=100, held=0)
    table.ask(CHAT)
    assert waits(table) == {1: (1, None)}


def test_the_card_itself_is_not_touched() -> None:
    table = table_with_pictures_about("", CHAT, DRAW, THINK, CHAT)
    before = table.card.to_json()
    waits(table)
    assert table.card.to_json() == before


def test_the_line_of_a_full_house_is_foreseen_in_milliseconds() -> None:
    lease = Lease("lease-1", 1, Ticket("job", 0, 1), NOW, NOW + 15_000, NOW)
    stages = [CHAT, CHAT, THINK, DRAW] * 16
    tickets = [
        Ticket("job", row, row % 8, COMFYUI if stage == DRAW else OLLAMA, stage, 5, row, NOW)
        for row, stage in enumerate(stages, start=1)
    ]
    card = Card(resident=OLLAMA, tickets=tickets, leases=[lease], seq=64)
    durations, spent = Durations.of_samples(SECONDS), []
    for _ in range(5):
        begun = time.process_time()
        assert len(forecast(card, NOW, Rules(), durations)) == 64
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.05  # 10 ms on an idle machine: `start.py bench gpu` shows it


# Learning


def test_what_was_learned_is_read_in_one_round_trip() -> None:
    for seconds in (4.0, 6.0, 5.0):
        learn("chat:llama", seconds)
    learn("chat:qwen", 9.0)
    learn("switch:comfyui", 21.5)
    before = client().info("commandstats")["cmdstat_evalsha"]["calls"] if _has_read() else 0
    known = Durations.read().known
    assert client().info("commandstats")["cmdstat_evalsha"]["calls"] - before == 1
    assert {kind: duration.seconds for kind, duration in known.items()} == {
        "chat:llama": 5.0,
        "chat:qwen": 9.0,
        "chat:": 5.5,
        "switch:comfyui": 21.5,
    }


def _has_read() -> bool:
    Durations.read()
    return True


def test_only_the_last_durations_count() -> None:
    for _ in range(KEPT):
        learn("chat:llama", 100.0)
    for _ in range(KEPT):
        learn("chat:llama", 2.0)
    assert Durations.read().known["chat:llama"].seconds == 2.0


def test_kinds_that_were_not_seen_for_long_are_forgotten() -> None:
    for number in range(KINDS + 20):
        learn(f"draw:{number:04}", 1.0)
    known = Durations.read().known
    assert len(known) == KINDS
    assert "draw:" in known


def test_nothing_learned_is_nothing_known() -> None:
    assert Durations.read().known == {}


# Telling


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (None, "unknown yet"),
        (0, "soon"),
        (4.9, "soon"),
        (5, "about 5 s"),
        (38, "about 40 s"),
        (57.4, "about 55 s"),
        (58, "about 60 s"),
        (84, "about 80 s"),
        (114, "about 110 s"),
        (116, "about 2 min"),
        (170, "about 3 min"),
        (3_600, "about 60 min"),
    ],
)
def test_a_wait_is_told_no_more_exactly_than_it_is_known(seconds: float | None, sentence: str) -> None:
    with translation.override("en"):
        assert explain(Place(1, seconds, sure=True)) == sentence
