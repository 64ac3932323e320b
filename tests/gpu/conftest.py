"""Each test has an Ollama of its own and an empty Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from live.redis import client
from tests.standins.ollama import ScriptedOllama


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running, override_settings(OLLAMA_URL=running.url):
        yield running
