"""What a Redis that came back empty takes from those who still hold something."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.test import override_settings

from gpu import arbiter
from gpu.arbiter import Held, LeaseLostError
from gpu.arbiter.holding import claim, keeper
from live.redis import client

TTL = 0.4  # seconds


@pytest.fixture
def held() -> Iterator[Held]:
    """A lease that is renewed once, when it is taken."""
    granted: list[str] = []
    arbiter.send_grants_with("test", lambda _row, lease_id: granted.append(lease_id))
    with override_settings(GPU_LEASE_TTL=TTL, GPU_LEASE_RENEW=60):
        arbiter.transact("see", resident=arbiter.OLLAMA)
        arbiter.enqueue(arbiter.Ticket("test", 1, 0))
        taken = claim(granted.pop())
        assert taken
        keeper().drop(taken)
        yield taken


def test_a_fresh_lease_is_taken_back(held: Held) -> None:
    client().flushdb()
    held.check()
    assert [lease.id for lease in arbiter.tick().leases] == [held.id]


def test_a_lease_that_was_not_renewed_in_time_is_not(held: Held) -> None:
    time.sleep(TTL + 0.1)
    client().flushdb()
    with pytest.raises(LeaseLostError):
        held.check()
    assert arbiter.tick().leases == []
