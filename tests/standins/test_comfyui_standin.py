"""The scripted ComfyUI does each fault that it promises, and keeps an exact record."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import history, submit, txt2img, vram_free
from tests.standins.comfyui_script import BOOM, Fault, Garbage, read_record

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running:
        yield running


def finish(comfyui: ScriptedComfyUI, prompt_id: str) -> dict[str, object]:
    comfyui.wait_for(lambda: history(comfyui.url, prompt_id))
    return dict(history(comfyui.url, prompt_id)["status"])


def test_it_records_when_it_was_computing_what(comfyui: ScriptedComfyUI) -> None:
    comfyui.picture_seconds = 0.2
    begun = time.time()
    ids = [submit(comfyui.url, txt2img(seed=seed)) for seed in (1, 2)]
    finish(comfyui, ids[-1])
    first, second = comfyui.intervals
    assert [first.prompt_id, second.prompt_id] == ids
    assert first.end is not None
    assert second.end is not None
    assert begun < first.start < first.end <= second.start < second.end < time.time()
    assert first.end - first.start > 0.2


def test_every_request_is_kept(comfyui: ScriptedComfyUI) -> None:
    prompt_id = submit(comfyui.url, txt2img())
    vram_free(comfyui.url)
    assert comfyui.called("/prompt")[0].body["prompt_id"] == prompt_id
    assert [call.path for call in comfyui.calls] == ["/prompt", "/system_stats"]
    comfyui.reset()
    assert comfyui.calls == []


def test_a_picture_and_a_load_take_what_they_are_told_to(comfyui: ScriptedComfyUI) -> None:
    comfyui.picture_seconds, comfyui.load_seconds = 0.1, 1.0
    for seed in (1, 2):
        finish(comfyui, submit(comfyui.url, txt2img(seed=seed)))
    cold, warm = [(one.end or 0) - one.start for one in comfyui.intervals]
    assert cold > 1.1
    assert 0.1 < warm < cold


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Fault.OUT_OF_MEMORY, "torch.OutOfMemoryError", "out of memory"),
        (Fault.NODE_ERROR, "RuntimeError", BOOM),
    ],
)
def test_a_node_fails_once(comfyui: ScriptedComfyUI, fault: Fault, kind: str, message: str) -> None:
    comfyui.script(fault)
    status = finish(comfyui, submit(comfyui.url, txt2img()))
    last, told = status["messages"][-1]  # type: ignore[index]
    assert (status["status_str"], last, told["exception_type"]) == ("error", "execution_error", kind)
    assert message in told["exception_message"]
    assert finish(comfyui, submit(comfyui.url, txt2img()))["completed"]


def test_free_may_be_ignored_or_late(comfyui: ScriptedComfyUI) -> None:
    empty = vram_free(comfyui.url)
    finish(comfyui, submit(comfyui.url, txt2img()))
    full = vram_free(comfyui.url)
    assert empty - full > 10**10
    both = {"unload_models": True, "free_memory": True}
    comfyui.free_seconds = None
    requests.post(f"{comfyui.url}/free", json=both, timeout=30)
    time.sleep(0.2)
    assert vram_free(comfyui.url) == full
    comfyui.free_seconds = 1.0
    requests.post(f"{comfyui.url}/free", json=both, timeout=30)
    assert vram_free(comfyui.url) == full
    comfyui.wait_for(lambda: vram_free(comfyui.url) == empty)


@pytest.mark.parametrize(
    ("garbage", "status", "kind"),
    [
        (Garbage.HTML, 200, "text/html"),
        (Garbage.BAD_GATEWAY, 502, "text/html"),
        (Garbage.CUT_JSON, 200, "application/json"),
        (Garbage.OTHER_JSON, 200, "application/json"),
    ],
)
def test_it_answers_garbage(comfyui: ScriptedComfyUI, garbage: Garbage, status: int, kind: str) -> None:
    comfyui.garbage, comfyui.fault_paths = garbage, ("/queue",)
    answer = requests.get(f"{comfyui.url}/queue", timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (status, kind)
    assert vram_free(comfyui.url)


def test_it_hangs(comfyui: ScriptedComfyUI) -> None:
    comfyui.hangs = True
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{comfyui.url}/queue", timeout=(30, 0.2))
    comfyui.hangs = False
    assert requests.get(f"{comfyui.url}/queue", timeout=30).ok


@pytest.mark.parametrize("fault", [Fault.DIES, Fault.DIES_LATE])
def test_it_dies_in_mid_picture_and_comes_back_empty(comfyui: ScriptedComfyUI, fault: Fault) -> None:
    done = submit(comfyui.url, txt2img())
    finish(comfyui, done)
    comfyui.picture_seconds = 0.3
    comfyui.script(fault)
    with connect(f"ws{comfyui.url[4:]}/ws?clientId=a") as socket:
        submit(comfyui.url, txt2img(seed=2), client_id="a")
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(30)
    comfyui.wait_for(
        lambda: requests.get(f"{comfyui.url}/history", timeout=30).json() == {} if up(comfyui) else 0
    )
    assert all(interval.end for interval in comfyui.intervals)


def up(comfyui: ScriptedComfyUI) -> bool:
    try:
        return requests.get(f"{comfyui.url}/queue", timeout=30).ok
    except requests.ConnectionError:
        return False


def test_it_stops_and_starts_on_its_port_unless_told_not_to(comfyui: ScriptedComfyUI) -> None:
    comfyui.stop()
    assert not up(comfyui)
    comfyui.starts = False
    comfyui.start()
    assert not up(comfyui)
    comfyui.starts = True
    comfyui.start()
    assert up(comfyui)


def test_messages_are_lost_and_sockets_break(comfyui: ScriptedComfyUI) -> None:
    comfyui.loses, comfyui.drops_after = {"executing"}, "executed"
    kinds = []
    with connect(f"ws{comfyui.url[4:]}/ws?clientId=a") as socket, pytest.raises(ConnectionClosed):
        submit(comfyui.url, txt2img(), client_id="a")
        while True:
            kinds.append(json.loads(socket.recv(30))["type"])
    assert "executed" in kinds
    assert "executing" not in kinds


def test_sockets_may_be_refused(comfyui: ScriptedComfyUI) -> None:
    comfyui.refuses_sockets = True
    assert requests.get(f"{comfyui.url}/ws", timeout=30).status_code == 503


def test_as_a_process_it_writes_its_record_to_a_file(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with process("--picture-seconds", "1", "--load-seconds", "0", "--record", str(record)) as running:
        url = first_line(running)
        finished = submit(url, txt2img())
        while not history(url, finished):
            time.sleep(0.01)
        cut_off = submit(url, txt2img(steps=50, seed=2))
        while len(read_record(record)) < 2:
            time.sleep(0.005)
        running.kill()
    first, second = read_record(record)
    assert (first.prompt_id, second.prompt_id, second.end) == (finished, cut_off, None)
    assert first.end is not None
    assert first.end - first.start > 1


def test_as_a_process_it_may_not_start() -> None:
    with process("--does-not-start", "ends") as running:
        assert running.wait(60) == 1


def test_as_a_process_it_may_die_soon_after_it_started_or_answer_garbage() -> None:
    with process("--dies-after", "2", "--garbage", "HTML") as running:
        assert requests.get(first_line(running), timeout=30).headers["Content-Type"].startswith("text/html")
        assert running.wait(60) == 1


def process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.standins.comfyui", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()
