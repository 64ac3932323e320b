"""What people do with the card, and what its memory allows, a sentence at a time."""

from __future__ import annotations

import pytest

from gpu.arbiter.rules import apply
from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    FREED,
    NOBODY,
    OLLAMA,
    THINK,
    UNKNOWN,
    Card,
    Rules,
    Ticket,
)
from tests.gpu.table import ALICE, BOB, NOW, Table, events


def test_a_game_has_the_whole_card_until_its_time_is_over() -> None:
    table = Table()
    table.ask(CHAT)
    assert table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000) is True
    table.ask(CHAT)
    assert table.running == [1]  # what runs ends first
    table.end()
    assert table.switch() == NOBODY
    table.ask(DRAW)
    assert table.running == []
    table.now = NOW + 60_000
    table.do("tick")
    assert "returned" in events(table.step)
    assert table.card.switch
    assert table.served() == [3, 2]


def test_a_borrowed_card_comes_back_by_a_click() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    table.switch()
    table.ask(CHAT)
    assert table.do("give_back", user_id=ALICE) == "not_yours"
    assert table.card.borrow
    assert table.do("give_back", user_id=BOB) == "returned"
    assert table.switch() == OLLAMA
    assert table.running == [1]
    assert table.do("give_back", user_id=None) == "nothing"


def test_an_admin_ends_anybodys_borrowing() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    assert table.do("give_back", user_id=None) == "returned"


def test_hands_on_work_in_comfyui_has_it_resident_and_grants_nothing() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=COMFYUI, ms=60_000)
    assert table.switch() == COMFYUI
    table.ask(DRAW)
    table.ask(CHAT)
    assert table.running == []
    assert table.switching() is None


def test_only_the_borrower_can_borrow_on() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    assert table.do("borrow", user_id=ALICE, service=NOBODY, ms=60_000) is False
    assert table.do("borrow", user_id=BOB, service=NOBODY, ms=90_000) is True
    assert table.card.borrow
    assert table.card.borrow.until == NOW + 90_000


def test_a_paused_line_takes_tickets_and_grants_none() -> None:
    table = Table()
    table.ask(CHAT)
    table.do("pause", on=True)
    assert table.ask(CHAT) == "queued"
    table.end()
    assert table.running == []
    table.do("pause", on=False)
    assert table.running == [2]


def test_a_drain_serves_what_has_begun() -> None:
    table = Table()
    table.ask(CHAT)
    table.ask(THINK)
    table.do("drain", on=True)
    assert table.ask(DRAW) == "queued"  # the picture whose words were just written
    assert table.served() == [1, 2, 3]


def test_a_wish_is_there_busy_or_asked() -> None:
    table = Table()
    assert table.do("wish", service=OLLAMA, force=False) == "there"
    table.ask(CHAT)
    assert table.do("wish", service=COMFYUI, force=False) == "busy"
    table.end()
    assert table.do("wish", service=COMFYUI, force=False) == "asked"
    assert table.switch() == COMFYUI
    assert table.card.wish == ""


def test_comfyui_wished_for_keeps_the_card_for_the_grace_and_no_longer() -> None:
    table = Table(grace=20_000)
    table.card.drew_at = 0
    table.do("wish", service=COMFYUI, force=False)
    assert table.switch() == COMFYUI
    table.wait(19_000)
    assert table.switching() is None
    table.wait(1_000)
    assert table.switching() == OLLAMA


def test_a_forced_wish_takes_the_card_from_what_runs() -> None:
    table = Table()
    table.ask(CHAT)
    lease = table.card.leases[0]
    table.do("claim", held_id=lease.id)
    table.now += 3_000
    assert table.do("wish", service=COMFYUI, force=True) == "asked"
    assert events(table.step) == ["taken", "switching"]
    known = {"id": lease.id, "token": lease.token, "ticket": vars(lease.ticket)}
    assert table.do("check", held=known) is False
    assert table.card.used[str(ALICE)].ms == 3_000


def test_a_freed_card_stays_free_until_somebody_asks() -> None:
    table = Table()
    table.do("wish", service=FREED, force=False)
    assert table.switch() == NOBODY
    table.wait(3_600_000)
    assert table.switching() is None
    table.ask(CHAT)
    assert table.switch() == OLLAMA


def test_a_wish_whose_switch_failed_is_not_asked_for_ever() -> None:
    table = Table(restore=False)
    table.do("wish", service=COMFYUI, force=False)
    table.fail()
    table.wait(3_600_000)
    assert table.switching() is None


def test_a_failed_emptying_is_tried_again_by_a_click() -> None:
    table = Table(restore=False)
    table.do("wish", service=FREED, force=False)
    table.fail()
    table.do("wish", service=FREED, force=False)
    assert table.switching() == NOBODY


def test_a_failed_emptying_is_forgotten_by_a_click() -> None:
    table = Table(restore=False)
    table.do("wish", service=FREED, force=False)
    table.fail()
    assert table.do("retry", service=FREED) is True
    assert not table.card.broken


def test_borrowing_again_tries_the_emptying_again() -> None:
    table = Table()
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    table.fail()
    assert table.switching() is None
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    assert table.switching() == NOBODY


def test_a_borrowed_card_is_not_switched_and_no_wish_outlives_it() -> None:
    table = Table(restore=False)
    table.do("borrow", user_id=BOB, service=NOBODY, ms=60_000)
    table.switch()
    assert table.do("wish", service=COMFYUI, force=True) == "borrowed"
    assert table.do("wish", service=FREED, force=False) == "there"
    table.do("give_back", user_id=BOB)
    assert table.switching() is None


# Both on the card, and its memory


@pytest.mark.parametrize("handoff", ["shared", "none"])
def test_where_both_fit_a_wish_empties_the_other_each_time(handoff: str) -> None:
    table = Table(resident=UNKNOWN, handoff=handoff)
    for row in (1, 2):
        assert table.do("wish", service=COMFYUI, force=False) == "asked"
        assert table.switch() == COMFYUI
        table.ask(CHAT)
        assert table.running == [row]
        assert table.card.resident == UNKNOWN  # Ollama is used again beside it
        table.end()


def test_when_both_fit_each_service_serves_its_own_line() -> None:
    table = Table(resident=UNKNOWN, handoff="shared")
    for stage in (CHAT, DRAW, CHAT, DRAW):
        table.ask(stage)
    assert table.running == [1, 2]
    assert table.switching() is None


@pytest.mark.parametrize(
    ("handoff", "free", "held", "age", "runs"),
    [
        ("exclusive", 500, 0, 0, False),
        ("exclusive", 500, 600, 0, True),  # what the resident holds is the ticket's own room
        ("exclusive", 2_000, 0, 0, True),
        ("exclusive", 500, 0, 11_000, True),  # too old to count
        ("shared", 500, 0, 0, False),
        ("none", 500, 0, 0, True),
    ],
)
def test_a_grant_needs_memory(handoff: str, free: int, held: int, age: int, runs: bool) -> None:
    table = Table(handoff=handoff, min_free_mb=1_024)
    table.do("measure", free=free, held=held)
    table.now += age
    table.ask(CHAT)
    assert bool(table.running) == runs


def test_a_grant_comes_as_soon_as_the_memory_is_free() -> None:
    table = Table(min_free_mb=1_024)
    table.do("measure", free=500, held=0)
    table.ask(CHAT)
    table.do("measure", free=5_000, held=0)
    assert table.running == [1]


def test_the_card_given_stays_as_it_was() -> None:
    card = Card(resident=OLLAMA)
    before = card.to_json()
    ticket = vars(Ticket("job", 1, ALICE))
    apply(card, "enqueue", {"ticket": ticket}, NOW, Rules())
    assert card.to_json() == before
