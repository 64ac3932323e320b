from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from gpu import arbiter, monitor, snapshot, watch
from gpu.arbiter.state import UNKNOWN
from gpu.services.comfyui import ComfyUI
from gpu.services.ollama import Ollama
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import submit, txt2img
from tests.standins.ollama import ScriptedOllama

pytestmark = pytest.mark.django_db


@pytest.fixture
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running, override_settings(COMFYUI_URL=running.url):
        yield running


@pytest.fixture(autouse=True)
def nobody_sends(settings: Any) -> None:
    settings.GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI = False
    arbiter.send_grants_with("test", lambda _row, _lease: None, wanted=lambda ids: set(ids) - {2})
    watch._looked[0] = 0.0


def test_an_ollama_that_somebody_else_used_ends_the_belief_in_pictures(
    ollama: ScriptedOllama, comfyui: ScriptedComfyUI
) -> None:
    arbiter.transact("see", resident=arbiter.COMFYUI)
    watch.look(arbiter.read())
    assert arbiter.read().resident == arbiter.COMFYUI
    Ollama(ollama.url).load("smollm2:135m", num_ctx=2048, keep_alive="5m").wait()
    watch.look(arbiter.read())
    assert arbiter.read().resident == UNKNOWN


def test_a_comfyui_that_somebody_works_in_ends_the_belief_in_the_chat(
    ollama: ScriptedOllama, comfyui: ScriptedComfyUI
) -> None:
    arbiter.transact("see", resident=arbiter.OLLAMA)
    watch.look(arbiter.read())
    assert arbiter.read().resident == arbiter.OLLAMA
    submit(comfyui.url, txt2img())
    comfyui.wait_for(lambda: comfyui.memory.used)
    watch.look(arbiter.read())
    assert arbiter.read().resident == UNKNOWN


def test_services_that_are_away_change_no_belief(settings: Any) -> None:
    settings.OLLAMA_URL = settings.COMFYUI_URL = "http://127.0.0.1:1"
    for resident in (arbiter.OLLAMA, arbiter.COMFYUI):
        arbiter.transact("see", resident=resident)
        watch.look(arbiter.read())
        assert arbiter.read().resident == resident


def test_rows_that_wait_no_more_leave_the_line(ollama: ScriptedOllama, comfyui: ScriptedComfyUI) -> None:
    arbiter.transact("pause", on=True)
    for row_id in (1, 2, 3):
        arbiter.enqueue(arbiter.Ticket("test", row_id, 1))
    watch.watch()
    assert [ticket.row_id for ticket in arbiter.read().tickets] == [1, 3]


def test_a_sample_tells_where_comfyui_is(ollama: ScriptedOllama, comfyui: ScriptedComfyUI) -> None:
    watch.sample()
    seen = snapshot.read_comfyui()
    assert seen
    assert (seen.url, seen.kind) == (comfyui.url, "configured")
    assert monitor.read().total == ComfyUI(comfyui.url).stats().devices[0].total
    comfyui.stop()
    watch.sample()
    assert snapshot.read_comfyui() is None
