"""Each test begins with an empty Redis, in which Ollama has the card."""

from __future__ import annotations

import pytest

from gpu import arbiter
from live.redis import client


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()
    arbiter.transact("see", resident=arbiter.OLLAMA)
