"""Each test begins with an empty Redis, in which Ollama has the card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from gpu import arbiter
from gpu.arbiter import line
from live.redis import client
from tests.chats.desk import Desk
from tests.standins.ollama import ScriptedOllama


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()
    arbiter.transact("see", resident=arbiter.OLLAMA)


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    """An Ollama of the test's own, with each grant in the test's hands."""
    kinds = dict(line.kinds())
    with ScriptedOllama() as ollama, override_settings(OLLAMA_URL=ollama.url, GPU_HANDOFF="none"):
        yield Desk(ollama).opened()
    line.kinds().update(kinds)
