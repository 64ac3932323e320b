"""Each test begins with an empty Redis: the queue, the log and the look at Ollama live there."""

from __future__ import annotations

import pytest

from live.redis import client


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()
