"""Each test has an Ollama of its own and an empty Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from gpu.arbiter import line
from live.redis import client
from tests.standins.ollama import ScriptedOllama


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()


@pytest.fixture(autouse=True)
def own_kinds() -> Iterator[None]:
    """Put back how grants are sent and hand-overs begin: tests of other apps follow in this process."""
    kinds, begin = dict(line.kinds()), list(line._begin_switch)
    yield
    line.kinds().clear()
    line.kinds().update(kinds)
    line._begin_switch[:] = begin


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running, override_settings(OLLAMA_URL=running.url):
        yield running
