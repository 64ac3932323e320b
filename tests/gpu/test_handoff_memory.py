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
from gpu.arbiter import COMFYUI, OLLAMA, line
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


def hand_over(environment: dict[str, str], *, to: str = COMFYUI) -> arbiter.Card:
    """Have a picture or a chat ask for the card; return the card after the hand-over."""
    begun: list[str] = []
    line.hand_over_with(lambda switch_id, _service: begun.append(switch_id))
    arbiter.send_grants_with("test", lambda _row, _lease_id: None)
    stage = {COMFYUI: arbiter.DRAW, OLLAMA: arbiter.CHAT}[to]
    with override_settings(GPU_LEASE_CLAIM=60):  # the process must start first
        arbiter.enqueue(arbiter.Ticket("test", 1, 0, service=to, stage=stage))
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


def test_what_the_service_itself_holds_counts_as_free_for_it(
    switcher: dict[str, str], ollama: ScriptedOllama, tmp_path: Path
) -> None:
    Ollama(ollama.url).load(MODEL, num_ctx=2048, keep_alive="-1").wait()
    nvml.tell(tmp_path, [f"total {24 * GB}", f"free {GB}"])  # 954 MiB, and the model holds 138
    card = hand_over({**switcher, "GPU_MIN_FREE_VRAM_MB": "1000"}, to=OLLAMA)
    assert not card.broken
    assert card.leases


def test_memory_that_comes_back_late_is_waited_for(switcher: dict[str, str], tmp_path: Path) -> None:
    nvml.tell(tmp_path, [f"total {24 * GB}", f"free {GB}"])
    with ScriptedComfyUI() as comfyui:
        late = threading.Thread(target=lambda: free_once(comfyui, tmp_path))
        late.start()
        card = hand_over({**switcher, "COMFYUI_URL": comfyui.url}, to=OLLAMA)
        late.join()
    assert not card.broken


def free_once(comfyui: ScriptedComfyUI, folder: Path) -> None:
    comfyui.wait_for(lambda: comfyui.called("/free"), 20)
    time.sleep(LAG)
    nvml.tell(folder, [f"total {24 * GB}", f"free {6 * GB}"])


@pytest.mark.parametrize("more", [{"GPU_MONITOR_ENABLED": "false"}, {"GPU_INDEX": "1"}])
def test_a_card_that_is_not_shared_decides_nothing(
    switcher: dict[str, str], tmp_path: Path, more: dict[str, str]
) -> None:
    nvml.tell(tmp_path, [f"total {24 * GB}", "free 1", f"total2 {24 * GB}", f"free2 {20 * GB}"])
    card = hand_over({**switcher, **more})
    assert not card.broken
    assert card.leases


def test_the_card_shows_a_model_that_is_being_loaded(
    switcher: dict[str, str], ollama: ScriptedOllama, tmp_path: Path
) -> None:
    shown = [f"total {24 * GB}", f"free {6 * GB}"]
    nvml.tell(tmp_path, [*shown, f"process 4001 {13 * GB} /usr/local/bin/ollama"])
    loaded: list[float] = []

    def load() -> None:
        ollama.wait_for(lambda: any(call.path == "/api/ps" for call in ollama.calls), 20)
        Ollama(ollama.url).load(MODEL, num_ctx=2048, keep_alive="-1").wait()
        loaded.append(time.time())
        ollama.wait_for(lambda: any(call.body.get("keep_alive") == 0 for call in ollama.calls), 20)
        nvml.tell(tmp_path, shown)

    loading = threading.Thread(target=load)
    loading.start()
    card = hand_over({**switcher, "GPU_MIN_FREE_VRAM_MB": "0"})
    loading.join()
    assert card.leases[0].at / 1000 >= loaded[0]
    assert not Ollama(ollama.url).loaded()


def test_the_picture_waits_until_the_driver_shows_the_memory_free(
    switcher: dict[str, str], ollama: ScriptedOllama, tmp_path: Path
) -> None:
    Ollama(ollama.url).load(MODEL, num_ctx=2048, keep_alive="-1").wait()
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
