"""A hand-over on a machine whose card can be read: by real pynvml, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import translation

from gpu import arbiter, sentences
from gpu.arbiter import COMFYUI, line
from gpu.services.ollama import Ollama
from tests.processes import ROOT
from tests.standins import nvml
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama import ScriptedOllama

pytestmark = pytest.mark.skipif(
    "compiler" in os.environ.get("OC_LEFT_OUT", "").split(","), reason="there is no C compiler here"
)
GB = 10**9
MODEL = "smollm2:135m"
LAG = 1.2  # seconds in which the driver still shows the memory of a process that has gone
SWITCHER = "import django, sys; django.setup(); from gpu import handoff; handoff.carry_out(sys.argv[1])"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def switcher(library: dict[str, str], ollama: ScriptedOllama, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that carries hand-overs out, on a card with 6 of 24 GB free."""
    nvml.tell(tmp_path, [f"total {24 * GB}", f"free {6 * GB}"])
    with ScriptedComfyUI() as comfyui, translation.override("en"):
        yield {
            **os.environ,
            **library,
            "NVML_STANDIN": str(tmp_path / "facts"),
            "DJANGO_SETTINGS_MODULE": "ollamachat.settings",
            "REDIS_URL": settings.REDIS_URL,
            "REDIS_PREFIX": settings.REDIS_PREFIX,
            "OLLAMA_URL": ollama.url,
            "COMFYUI_URL": comfyui.url,
        }


def hand_over(environment: dict[str, str]) -> arbiter.Card:
    """Have a picture ask for the card; return the card after the hand-over."""
    begun: list[str] = []
    line.hand_over_with(lambda switch_id, _service: begun.append(switch_id))
    arbiter.send_grants_with("test", lambda _row, _lease_id: None)
    with override_settings(GPU_LEASE_CLAIM=60):  # the process must start first
        arbiter.enqueue(arbiter.Ticket("test", 1, 0, service=COMFYUI, stage="draw"))
    ran = subprocess.run(
        [sys.executable, "-c", SWITCHER, begun.pop()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return arbiter.read()


def test_memory_that_something_else_holds_is_told_and_nothing_is_granted(switcher: dict[str, str]) -> None:
    card = hand_over({**switcher, "GPU_MIN_FREE_VRAM_MB": "8000"})
    assert not card.leases
    reason = card.broken[COMFYUI].reason
    assert json.loads(reason)["code"] == "memory_short"
    told = "Only 5722 MiB of the card are free, and 8000 are needed: something else holds it."
    assert sentences.explain(reason).startswith(told)


def test_the_picture_waits_until_the_driver_shows_the_memory_free(
    switcher: dict[str, str], ollama: ScriptedOllama, tmp_path: Path
) -> None:
    Ollama(ollama.url).load(MODEL, num_ctx=2048, keep_alive="-1", timeout=30)
    shown: list[float] = []

    def lag() -> None:
        ollama.wait_for(lambda: any(call.body.get("keep_alive") == 0 for call in ollama.calls), 60)
        time.sleep(LAG)
        shown.append(time.time())
        nvml.tell(tmp_path, [f"total {24 * GB}", f"free {7 * GB}"])

    driver = threading.Thread(target=lag)
    driver.start()
    card = hand_over({**switcher, "GPU_MIN_FREE_VRAM_MB": "6500"})
    driver.join()
    assert not card.broken
    assert [lease.ticket.row_id for lease in card.leases] == [1]
    assert card.leases[0].at / 1000 >= shown[0]
