"""The line in Redis: who is granted is sent, who waits no more leaves, and Redis may be away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from gpu import arbiter, watch
from gpu.arbiter import CHAT, COMFYUI, DRAW, OLLAMA, THINK, Ticket, line
from gpu.arbiter.holding import hold
from launch.ports import free_port
from live.redis import RedisError, client

unclaimed = override_settings(GPU_LEASE_CLAIM=0)
"""What is granted meanwhile is taken back by the next transition."""


@pytest.fixture(autouse=True)
def one_slot() -> Iterator[None]:
    with override_settings(GPU_OLLAMA_SLOTS=1, GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI=False):
        yield


@pytest.fixture
def sent() -> list[tuple[int, str]]:
    """What was sent for tickets of the kind `test`, on a card that Ollama has: rows and leases."""
    found: list[tuple[int, str]] = []
    arbiter.send_grants_with("test", lambda row_id, lease_id: found.append((row_id, lease_id)))
    line.hand_over_with(lambda _switch_id, _service: None)
    arbiter.transact("see", resident=OLLAMA)
    return found


def ask(row_id: int, **about: Any) -> str:
    return arbiter.enqueue(Ticket("test", row_id, 0, **about))


def events() -> list[dict[str, Any]]:
    return [json.loads(fields["f"]) for _, fields in client().xrange(line.diary_key())]


def test_a_grant_sends_the_task_with_its_lease(sent: list[tuple[int, str]]) -> None:
    assert ask(7) == "queued"
    [(row_id, lease_id)] = sent
    assert row_id == 7
    assert [lease.id for lease in arbiter.read().leases] == [lease_id]


def test_whoever_ends_its_turn_sends_the_next(sent: list[tuple[int, str]]) -> None:
    ask(1)
    ask(2)
    assert [row_id for row_id, _ in sent] == [1]
    with hold(sent[0][1]):
        assert ask(2) == "waiting"
        assert len(sent) == 1
    assert [row_id for row_id, _ in sent] == [1, 2]


@pytest.mark.parametrize("error", [RedisError("away"), OSError("no broker")])
def test_a_task_that_can_not_be_sent_is_granted_again_after_its_time(
    sent: list[tuple[int, str]], error: Exception
) -> None:
    errors = [error]

    def send(row_id: int, lease_id: str) -> None:
        if errors:
            raise errors.pop()
        sent.append((row_id, lease_id))

    arbiter.send_grants_with("test", send)
    with unclaimed:
        assert ask(1) == "queued"
    assert sent == []
    arbiter.tick()
    with hold(sent[0][1]) as held:
        assert held
    counts = client().hgetall(line.counts_key())
    assert (counts["granted"], counts["unclaimed"], counts["released"]) == ("2", "1", "1")


def test_a_kind_that_nobody_takes_here_stays_for_those_who_do(sent: list[tuple[int, str]]) -> None:
    with unclaimed:
        arbiter.enqueue(Ticket("elsewhere", 1, 0))
    arbiter.send_grants_with("elsewhere", lambda row_id, lease_id: sent.append((row_id, lease_id)))
    arbiter.tick()
    assert sent


def test_a_hand_over_that_can_not_be_sent_is_begun_again(sent: list[tuple[int, str]]) -> None:
    begun: list[str] = []

    def send(_switch_id: str, service: str) -> None:
        begun.append(service)
        if len(begun) == 1:
            raise OSError("no broker")

    line.hand_over_with(send)
    with unclaimed:
        ask(1, service=COMFYUI, stage=DRAW)
    arbiter.tick()
    assert begun == [COMFYUI, COMFYUI]


def test_rows_that_wait_no_more_leave_the_line(sent: list[tuple[int, str]]) -> None:
    waiting = {1, 3}
    arbiter.send_grants_with("test", lambda _row, _lease: None, wanted=lambda ids: waiting & set(ids))
    arbiter.send_grants_with("other", lambda _row, _lease: None)
    arbiter.transact("pause", on=True)
    for row_id in (1, 2, 3, 4):
        ask(row_id)
    arbiter.enqueue(Ticket("other", 5, 0))  # nobody says of this kind what it wants
    arbiter.prune()
    assert [ticket.id for ticket in arbiter.read().tickets] == ["test:1", "test:3", "other:5"]


def test_a_row_that_asks_during_its_turn_has_another_after(sent: list[tuple[int, str]]) -> None:
    ask(1)
    with hold(sent[0][1]):
        assert ask(1) == "held"
        assert len(sent) == 1
    assert [row_id for row_id, _ in sent] == [1, 1]


def test_a_row_that_asks_before_its_turn_was_claimed_has_one(sent: list[tuple[int, str]]) -> None:
    ask(1)
    assert ask(1) == "held"
    with hold(sent[0][1]):
        pass
    assert len(sent) == 1


def test_a_draining_card_serves_its_line_until_the_restart(
    sent: list[tuple[int, str]],
) -> None:
    ask(1)
    ask(2)
    assert not arbiter.is_draining()
    arbiter.transact("drain", on=True)
    assert arbiter.is_draining()
    assert ask(2) == "waiting"
    with hold(sent[0][1]):
        pass
    assert [row_id for row_id, _ in sent] == [1, 2]
    watch.open_line()
    assert not arbiter.is_draining()


def test_a_cancelled_ticket_is_never_sent(sent: list[tuple[int, str]]) -> None:
    ask(1)
    ask(2)
    arbiter.cancel("test", 2)
    arbiter.cancel("test", 99)
    with hold(sent[0][1]):
        pass
    assert [row_id for row_id, _ in sent] == [1]
    assert arbiter.read().tickets == []


@override_settings(GPU_PRIORITY_COMFYUI=20, GPU_PRIORITY_OLLAMA=3)
def test_a_pictures_words_have_the_pictures_priority(sent: list[tuple[int, str]]) -> None:
    arbiter.transact("pause", on=True)
    for row_id, stage in enumerate((CHAT, THINK, DRAW)):
        ask(row_id, stage=stage, service=COMFYUI if stage == DRAW else OLLAMA)
    ask(4, priority=7)
    assert [ticket.priority for ticket in arbiter.read().tickets] == [3, 20, 20, 7]


def test_everything_is_counted_and_what_has_a_line_is_in_the_diary(
    sent: list[tuple[int, str]],
) -> None:
    ask(1)
    with hold(sent[0][1]):
        pass
    assert [event["type"] for event in events()] == ["seen"]
    counts = client().hgetall(line.counts_key())
    assert counts == {"seen": "1", "queued": "1", "granted": "1", "released": "1"}


def test_without_redis_nobody_is_refused_and_nothing_breaks(sent: list[tuple[int, str]]) -> None:
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        client.cache_clear()
        line._script.cache_clear()
        assert ask(1) == "lost"  # the row's sweep asks again
        arbiter.cancel("test", 1)
        assert not arbiter.is_draining()
        with pytest.raises(RedisError):
            arbiter.tick()
    client.cache_clear()
    line._script.cache_clear()
    assert ask(1) == "queued"
    assert [row_id for row_id, _ in sent] == [1]
