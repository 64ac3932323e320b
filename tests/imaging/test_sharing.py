"""Pictures and answers on one card, with the real processes: both services are never at work at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.imaging.test_dying import ANSWERS, LEASES, STAGES, Stage
from tests.processes import running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.processes
SETTINGS = {
    "GPU_SETTLE": "0",
    "GPU_RESTORE_GRACE": "0.5",
    "GPU_OLLAMA_SLOTS": "1",
    "GPU_MIN_FREE_VRAM_MB": "0",
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with (
        ScriptedComfyUI() as comfyui,
        running_app(COMFYUI_URL=comfyui.url, **(SETTINGS | LEASES)) as app,
    ):
        comfyui.picture_seconds = 0.5
        yield Stage(app, comfyui, app.person("alice"))


def test_answers_and_pictures_take_turns_and_all_of_them_end(stage: Stage) -> None:
    app = stage.app
    app.ollama.default = Script(tokens=["word "] * 20, rate=40)
    for _ in range(3):
        app.ollama.script(Script(tokens=[ANSWERS["prompting"]]), STAGES["prompting"])
    before = app.send(stage.person, "hello")
    jobs = [stage.order(variants=2) for _ in range(3)]
    after = app.send(stage.person, "and now?")
    for job in jobs:
        assert stage.finish(job) == "done"
        assert stage.files(job) == 2
    for chat, answer in (before, after):
        assert app.wait_for_answer(stage.person, chat, answer)["status"] == "complete"
    assert len(stage.rendered()) == 6
    drawn = [(interval.start, interval.end or time.time()) for interval in stage.comfyui.intervals]
    asked = [call.at for call in app.ollama.chats]
    assert not [at for at in asked if any(start < at < end for start, end in drawn)]
