"""Each test begins with an empty Redis."""

from __future__ import annotations

import pytest

from live.redis import client


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()
