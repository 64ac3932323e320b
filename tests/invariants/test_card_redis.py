"""Redis dies and comes back, with its file and without: what the services show leads the card back."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

from gpu.arbiter.state import COMFYUI, OLLAMA, UNKNOWN, Card
from tests.invariants.card_record import old_writes, overlaps, spans
from tests.invariants.card_stack import TTL, Stack
from tests.processes import wait_until

pytestmark = pytest.mark.processes
LONGEST_OVERLAP = 1.0
PATIENCE = 90  # seconds


def card_at_work(card: Stack) -> Card:
    """Return the card as soon as something is computed under a lease."""

    def look() -> Card | None:
        seen = card.card()
        return seen if any(lease.claimed_at for lease in seen.leases) else None

    return wait_until(look, PATIENCE)


def newer_writes(card: Stack, token: int) -> list[int]:
    """Return the tokens above this one under which rows were written."""
    return [written for written in map(int, card.rows.hvals("written")) if written > token]


def wait_for_newer_writes(card: Stack, token: int) -> None:
    """Return when rows were done that were granted after this token."""
    wait_until(lambda: newer_writes(card, token) or None, PATIENCE)


def diary(card: Stack) -> list[dict[str, Any]]:
    """Return everything that happened to the card since Redis forgot it."""
    entries = card.redis.client.xrange("app:card:diary")
    return [json.loads(fields["f"]) for _, fields in entries]


def assert_in_order(card: Stack) -> None:
    both = overlaps(spans(card.folder / OLLAMA, card.since), spans(card.folder / COMFYUI, card.since))
    assert max(both, default=0) <= LONGEST_OVERLAP, card.logs()
    assert old_writes(card.rows.lrange("log", 0, -1)) == []
    assert "Traceback" not in card.logs(), card.logs()


def test_a_redis_that_comes_back_with_its_file_goes_on_with_newer_tokens(card: Stack) -> None:
    before = card_at_work(card)
    card.redis.kill()
    time.sleep(TTL + 0.5)  # longer than any lease lives
    card.redis.start()
    assert card.card().token >= before.token
    wait_for_newer_writes(card, before.token)
    assert not {lease.id for lease in before.leases} & {lease.id for lease in card.card().leases}
    assert_in_order(card)


def test_an_emptied_redis_learns_of_the_leases_from_their_holders(card: Stack) -> None:
    before = card_at_work(card)
    card.redis.client.flushall()
    wait_until(lambda: card.card().born or None, PATIENCE)
    wait_for_newer_writes(card, before.token)
    assert_in_order(card)
    print(f"after an emptied Redis: {dict(card.diary())}")


def test_a_redis_without_its_file_grants_nothing_before_the_services_were_looked_at(card: Stack) -> None:
    before = card_at_work(card)
    card.redis.kill()
    card.redis.lose_its_file()
    time.sleep(TTL + 0.5)
    card.redis.start()
    wait_for_newer_writes(card, before.token)
    happened = diary(card)
    names = [event["type"] for event in happened if event["type"] in ("switching", "switched", "granted")]
    assert "granted" not in names[: names.index("switched")]
    assert next(event for event in happened if event["type"] == "switched")["before"] == UNKNOWN
    assert "adopted" not in card.diary()  # who had the card is too old to be sure
    assert min(newer_writes(card, before.token)) > before.token
    assert_in_order(card)


def test_no_row_is_lost_or_done_twice(card: Stack) -> None:
    card.finish(PATIENCE)
    log = card.rows.lrange("log", 0, -1)
    accepted = Counter(entry.split()[1] for entry in log if entry.endswith("accepted"))
    assert accepted == dict.fromkeys(card.rows.hgetall("wanted"), 1)
    both = overlaps(spans(card.folder / OLLAMA, card.since), spans(card.folder / COMFYUI, card.since))
    print(f"{len(accepted)} rows, each written once; both computed {sum(both):.2f} s in all")
    assert_in_order(card)
