"""What a Redis that came back empty takes from those who still hold something."""

from __future__ import annotations

import time

import pytest
from django.conf import settings

from gpu import arbiter
from gpu.arbiter import Held, LeaseLostError
from live.redis import client


@pytest.fixture
def held() -> Held:
    """A lease that is claimed, and never renewed."""
    granted: list[str] = []
    arbiter.send_grants_with("test", lambda _row, lease_id: granted.append(lease_id))
    arbiter.transact("see", resident=arbiter.OLLAMA)
    arbiter.enqueue(arbiter.Ticket("test", 1, 0))
    asked = time.monotonic()
    claimed = arbiter.transact("claim", held_id=granted.pop())
    return Held(claimed.card.leases[0], asked)


def test_a_fresh_lease_is_taken_back(held: Held) -> None:
    client().flushdb()
    held.check()
    assert [lease.id for lease in arbiter.tick().leases] == [held.id]


def test_a_lease_that_was_not_renewed_in_time_is_not(held: Held) -> None:
    held.renewed -= settings.GPU_LEASE_TTL + 1
    client().flushdb()
    with pytest.raises(LeaseLostError):
        held.check()
    assert arbiter.tick().leases == []
