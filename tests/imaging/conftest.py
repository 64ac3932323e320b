"""Each test has an Ollama and a ComfyUI of its own, an empty Redis and a card for each service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from gpu import arbiter, snapshot
from gpu.arbiter import line
from live.redis import client
from tests.imaging.studio import Studio
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama import ScriptedOllama

SHORT = {
    "GPU_HANDOFF": "none",
    "GPU_LEASE_TTL": 10.0,
    "GPU_LEASE_RENEW": 0.2,
    "ANSWER_HEARTBEAT": 0.2,
    "ANSWER_STALE": 10.0,
    "COMFYUI_TIMEOUT": 20.0,
}


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    client().flushdb()


@pytest.fixture
def studio(tmp_path: Path, transactional_db: None) -> Iterator[Studio]:
    """Everything that a picture needs, with each grant in the test's hands."""
    kinds = dict(line.kinds())
    with (
        ScriptedOllama() as ollama,
        ScriptedComfyUI() as comfyui,
        override_settings(
            OLLAMA_URL=ollama.url,
            OLLAMA_DEFAULT_MODEL="smollm2:135m",
            OLLAMA_VISION_MODEL="smollm2-vision:135m",
            COMFYUI_URL=comfyui.url,
            IMAGE_STORAGE_PATH=tmp_path / "pictures",
            **SHORT,
        ),
    ):
        yield Studio(ollama, comfyui).opened()
    line.kinds().update(kinds)


@pytest.fixture
def looked(studio: Studio) -> Studio:
    """A studio in which `upkeep` has looked at Ollama."""
    snapshot.refresh()
    arbiter.read()
    return studio
