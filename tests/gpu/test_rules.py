"""Leases and hand-overs, a sentence at a time."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    OLLAMA,
    UNKNOWN,
    Card,
)
from tests.gpu.table import ALICE, BOB, CAROL, Table, events

# Draining a service


def test_a_waiting_picture_lets_answers_end_and_starts_no_new_ones() -> None:
    table = Table(slots=2)
    table.ask(CHAT, ALICE)
    table.ask(CHAT, BOB)
    table.ask(DRAW, CAROL)
    table.ask(CHAT, CAROL)
    table.end()
    assert table.running == [2]
    assert table.switching() is None
    table.end()
    assert table.switching() == COMFYUI


@pytest.mark.parametrize(("slots", "running"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 3])])
def test_as_many_answers_run_as_there_are_slots(slots: int, running: list[int]) -> None:
    table = Table(slots=slots)
    for user in (ALICE, BOB, CAROL):
        table.ask(CHAT, user)
    assert table.running == running


def test_nothing_is_granted_during_a_switch() -> None:
    table = Table()
    table.ask(DRAW)
    table.ask(CHAT)
    assert table.card.switch
    assert table.running == []


# Leases


def test_a_lease_that_nobody_claims_goes_back_to_its_old_place() -> None:
    table = Table()
    table.ask(CHAT, ALICE)
    table.ask(CHAT, BOB)
    old = table.card.leases[0]
    table.wait(table.rules.claim)
    assert events(table.step) == ["unclaimed", "granted"]
    assert table.running == [1]
    assert table.card.leases[0].token > old.token
    assert table.do("claim", held_id=old.id) is False


def test_a_task_delivered_twice_begins_once() -> None:
    table = Table()
    table.ask(CHAT)
    lease = table.card.leases[0]
    assert [table.do("claim", held_id=lease.id) for _ in range(2)] == [True, False]


def test_a_lease_that_is_not_renewed_ends_and_an_old_hand_is_refused() -> None:
    table = Table()
    table.ask(CHAT)
    lease = table.card.leases[0]
    table.do("claim", held_id=lease.id)
    known = asdict(table.card.leases[0])
    table.now += table.rules.ttl - 1
    assert table.do("renew", held=[known]) == []
    table.wait(table.rules.ttl)
    assert events(table.step) == ["expired"]
    assert table.do("check", held=known) is False
    assert table.do("renew", held=[known]) == [lease.id]
    assert table.do("release", lease_id=lease.id, used=5) is False


def test_what_an_expired_lease_held_is_charged() -> None:
    table = Table()
    table.ask(CHAT)
    table.do("claim", held_id=table.card.leases[0].id)
    table.wait(20_000)
    assert table.card.used[str(ALICE)].ms == 20_000


def test_a_redis_that_lost_a_claim_and_brings_the_task_again_has_one_holder() -> None:
    table = Table()
    table.ask(CHAT)
    before = table.card
    lease_id = before.leases[0].id
    table.do("claim", held_id=lease_id)
    first = asdict(table.card.leases[0])
    table.card, table.now = before, table.now + 1_500
    table.do("claim", held_id=lease_id)
    second = asdict(table.card.leases[0])
    assert table.do("check", held=first) is False
    assert table.do("release", lease_id=lease_id, used=5, claimed_at=first["claimed_at"]) is False
    assert table.do("check", held=second) is True


def test_a_redis_that_lost_a_claim_learns_of_it_from_the_holder() -> None:
    table = Table()
    table.ask(CHAT)
    before = table.card
    table.do("claim", held_id=before.leases[0].id)
    held = asdict(table.card.leases[0])
    table.card, table.now = before, table.now + 1_500
    assert table.do("renew", held=[held]) == []
    assert table.do("claim", held_id=held["id"]) is False


def test_a_row_asked_for_again_while_it_runs_has_another_turn_after() -> None:
    table = Table()
    table.ask(CHAT, row=1)
    table.do("claim", held_id=table.card.leases[0].id)
    assert table.ask(CHAT, row=1) == "held"
    table.ask(CHAT, BOB, row=2)
    table.do("release", lease_id=table.card.leases[0].id, used=10)
    assert sorted([*table.running, *table.waiting]) == [1, 2]


def test_a_row_asked_for_twice_is_one_place_in_line() -> None:
    table = Table()
    table.ask(CHAT, row=1)
    assert table.ask(CHAT, row=1) == "held"
    assert not table.card.leases[0].again  # nobody has begun it: the turn to come is enough
    table.ask(CHAT, row=2)
    assert table.ask(CHAT, row=2) == "waiting"
    assert table.waiting == [2]


def test_a_cancelled_ticket_leaves_the_line_and_a_running_one_is_its_holders() -> None:
    table = Table()
    table.ask(CHAT)
    table.ask(CHAT)
    assert table.do("cancel", ticket_id="job:2") is True
    assert table.do("cancel", ticket_id="job:2") is False
    assert table.do("cancel", ticket_id="job:1") is False
    assert table.running == [1]


def test_tokens_grow_even_over_an_emptied_redis() -> None:
    table = Table()
    table.ask(CHAT)
    old = table.card.leases[0].token
    table.card = Card(resident=OLLAMA)
    table.now += 1
    table.ask(CHAT)
    assert table.card.leases[0].token > old


def test_an_emptied_card_takes_back_a_lease_that_its_holder_still_knows() -> None:
    table = Table()
    table.ask(CHAT)
    lease = table.card.leases[0]
    known = {**vars(lease), "ticket": vars(lease.ticket)}
    table.card = Card()
    table.now += 2_000
    assert table.do("renew", held=[known]) == []
    assert table.running == [1]
    assert table.card.resident == OLLAMA


# Hand-over


def test_only_the_running_hand_over_can_end() -> None:
    table = Table()
    table.ask(DRAW)
    assert table.do("switched", switch_id="switch-1", parts={}) is False
    assert table.card.resident == OLLAMA
    assert table.switch() == COMFYUI
    assert table.running == [1]


def test_a_switcher_that_dies_leaves_the_card_to_nobody_and_another_begins() -> None:
    table = Table()
    table.ask(DRAW)
    old = table.card.switch
    assert old
    table.do("claim", held_id=old.id)
    table.wait(table.rules.ttl)
    assert events(table.step) == ["switch_lost", "switching"]
    assert table.card.resident == UNKNOWN
    assert table.do("switched", switch_id=old.id, parts={}) is False


def test_a_failing_service_is_left_alone_longer_each_time_and_then_the_circuit_opens() -> None:
    table = Table(backoff=2_000, breaker=3, cool=60_000, longest_cool=150_000, restore=False)
    table.ask(DRAW)
    pauses, opened = [], []
    for _ in range(6):
        table.fail()
        pauses.append(table.card.broken[COMFYUI].until - table.now)
        opened.append(table.step.events[0]["opened"])
        assert table.switching() is None
        table.wait(pauses[-1])
    assert pauses == [2_000, 4_000, 60_000, 120_000, 150_000, 150_000]
    assert opened == [False, False, True, True, True, True]


def test_chats_go_on_while_comfyui_is_left_alone() -> None:
    table = Table()
    table.ask(DRAW)
    table.ask(CHAT)
    table.fail()
    assert table.switch() == OLLAMA
    assert table.running == [2]


def test_a_retry_forgets_the_failures_and_begins_at_once() -> None:
    table = Table(restore=False)
    table.ask(DRAW)
    table.fail()
    assert table.do("retry", service=COMFYUI) is True
    assert table.card.switch
    assert table.do("retry", service=COMFYUI) is False


def test_a_success_forgets_the_failures() -> None:
    table = Table(restore=False)
    table.ask(DRAW)
    table.fail()
    table.wait(2_000)
    table.switch()
    assert COMFYUI not in table.card.broken


def test_ollama_gets_the_card_back_a_while_after_the_last_picture() -> None:
    table = Table(resident=COMFYUI, grace=20_000)
    table.ask(DRAW)
    table.end()
    table.wait(19_000)
    assert table.switching() is None
    table.wait(1_000)
    assert table.card.switch
    assert (table.card.switch.to, table.card.switch.warm) == (OLLAMA, True)


def test_ollama_gets_the_card_at_the_start_and_a_waiting_chat_needs_no_warming() -> None:
    table = Table(resident=UNKNOWN)
    table.do("tick")
    assert table.card.switch
    assert (table.card.switch.to, table.card.switch.warm) == (OLLAMA, True)
    asked = Table(resident=UNKNOWN)
    asked.ask(CHAT)
    assert asked.card.switch
    assert not asked.card.switch.warm


def test_without_restore_comfyui_keeps_the_idle_card() -> None:
    table = Table(resident=COMFYUI, restore=False)
    table.wait(3_600_000)
    assert table.switching() is None


def test_what_the_services_show_is_believed_only_while_nobody_holds_the_card() -> None:
    table = Table()
    table.ask(CHAT)
    table.do("see", resident=UNKNOWN)
    assert table.card.resident == OLLAMA
    table.end()
    table.do("see", resident=UNKNOWN)
    assert table.switching() == OLLAMA
