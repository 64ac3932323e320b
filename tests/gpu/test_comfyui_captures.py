"""The client reads what real ComfyUIs sent: 0.33.0, and 0.3.64 where it differs."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from gpu.services.comfyui import ComfyUI, Event, Output
from gpu.services.comfyui.records import read_finished, read_problems, read_queue, read_stats

CAPTURES = Path(__file__).resolve().parents[1] / "captures" / "comfyui"
BOTH = pytest.mark.parametrize("version", ["", "v0.3.64/"])


def captured(name: str) -> Any:
    """Return a request with its answer."""
    return json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))


def entry(name: str) -> dict[str, Any]:
    (found,) = captured(name)["body"].values()
    return dict(found)


@BOTH
def test_memory_and_version(version: str) -> None:
    stats = read_stats(captured(f"{version}ep_system_stats")["body"])
    assert stats.version == (version[1:-1] or "0.33.0")
    assert stats.devices[0].type == "cpu"
    assert stats.devices[0].total > stats.devices[0].free > 10**9
    assert stats.held == 0


@BOTH
def test_the_queue_in_the_order_in_which_it_runs(version: str) -> None:
    told = captured(f"{version}07_queue_running_and_pending")["body"]
    queue = read_queue(told)
    numbers = {item[1]: item[0] for item in told["queue_pending"]}
    assert len(queue.pending) == len(numbers) == 4
    assert [numbers[prompt_id] for prompt_id in queue.pending] == sorted(numbers.values())
    assert len(queue.running) == 1


@BOTH
def test_how_prompts_ended(version: str) -> None:
    done = read_finished(entry(f"{version}04_history"))
    assert (done.state, len(done.outputs), done.outputs[0].node) == ("done", 1, "9")
    assert read_finished(entry(f"{version}09_history")).state == "interrupted"
    failed = read_finished(entry(f"{version}08_history"))
    assert failed.state == "failed"
    assert failed.failure is not None
    assert (failed.failure.message, failed.failure.class_type) == ("boom from node", "TestFailMidRun")
    assert [output.type for output in failed.outputs] == ["temp"]


@pytest.mark.parametrize(
    ("name", "node", "field", "kind"),
    [
        ("err_no_prompt", "", "", "no_prompt"),
        ("err_bad_prompt_id", "", "", "invalid_prompt_id"),
        ("err_validation_bad_sampler", "31", "sampler_name", "value_not_in_list"),
        ("err_validation_dangling_link", "8", "images", "exception_during_inner_validation"),
        ("err_validation_missing_image", "37", "image", "custom_validation_failed"),
        ("err_validation_missing_input", "31", "seed", "required_input_missing"),
        ("err_validation_missing_model", "30", "ckpt_name", "value_not_in_list"),
        ("err_validation_no_class_type", "31", "", "missing_node_type"),
        ("err_validation_no_outputs", "", "", "prompt_no_outputs"),
        ("err_validation_out_of_range", "31", "denoise", "value_bigger_than_max"),
        ("err_validation_type_mismatch", "8", "samples", "return_type_mismatch"),
        ("err_validation_unknown_node", "31", "", "missing_node_type"),
        ("err_validation_wrong_type", "31", "steps", "invalid_input_type"),
        ("v0.3.64/err_validation_unknown_node", "31", "", "invalid_prompt"),
        ("v0.3.64/err_validation_missing_model", "30", "ckpt_name", "value_not_in_list"),
    ],
)
def test_why_a_workflow_is_refused(name: str, node: str, field: str, kind: str) -> None:
    found = captured(name)
    problem = read_problems(found["body"], found["request"]["json"].get("prompt", {}))[0]
    assert (problem.node, problem.field, problem.kind) == (node, field, kind)
    assert bool(problem.title) is bool(node)
    assert problem.message


# --- The websocket ----------------------------------------------------------------------------------


@contextmanager
def replaying(name: str) -> Iterator[str]:
    """Yield the address of a server that sends the frames of a capture to whoever comes."""

    def send(client: ServerConnection) -> None:
        try:
            for frame in frames(name):
                client.send(frame)
            client.recv()
            client.recv()
        except ConnectionClosed:
            pass

    with serve(send, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def frames(name: str) -> Iterator[str | bytes]:
    """Yield what was sent; of pictures, whose bytes are not in the capture, the header and a beginning."""
    for line in (CAPTURES / f"{name}.ws.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        if "text" in told:
            yield json.dumps(told["text"])
        elif told.get("event_type") == 1:
            yield struct.pack(">II", 1, 1) + bytes.fromhex(told["payload_magic"])
        elif told.get("event_type") == 4:
            about = json.dumps(told["metadata"]).encode()
            yield struct.pack(">II", 4, len(about)) + about + bytes.fromhex(told["payload_magic"])


def prompt_id_of(name: str) -> str:
    for frame in frames(name):
        told = json.loads(frame) if isinstance(frame, str) else {}
        if "prompt_id" in told.get("data", {}):
            return str(told["data"]["prompt_id"])
    raise LookupError


def followed(name: str) -> list[Event]:
    with replaying(name) as url, ComfyUI(url).events() as events:
        return list(events.of(prompt_id_of(name)))


def test_a_whole_run() -> None:
    found = followed("01_txt2img_success")
    steps = [event.value for event in found if event.kind == "progress"]
    assert steps == list(range(1, 21))
    assert [event.node for event in found if event.kind == "node"] == ["27", "31", "8", "9"]
    assert found[1].nodes == ("6", "30", "33", "35")
    assert found[-3].outputs == (Output("9", "ComfyUI_00044_.png", "", "output"),)
    assert [event.kind for event in found[-2:]] == ["succeeded", "ended"]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("02_txt2img_256_latent2rgb_previews_no_flags", ""),
        ("03_txt2img_256_previews_with_feature_flags", "31"),
    ],
)
def test_previews_of_both_forms(name: str, node: str) -> None:
    found = [event for event in followed(name) if event.kind == "preview"]
    assert len(found) == 4
    assert {(event.node, event.content_type, event.data[:3]) for event in found} == {
        (node, "image/jpeg", b"\xff\xd8\xff")
    }


@BOTH
def test_a_failure_and_an_interrupt(version: str) -> None:
    failed, last = followed(f"{version}08_execution_error")[-2:]
    assert (failed.kind, last.kind) == ("failed", "ended")
    assert failed.failure is not None
    assert failed.failure.message == "boom from node"
    kinds = [event.kind for event in followed(f"{version}09_interrupt_global")]
    assert kinds[-2:] == ["interrupted", "ended"]


def test_a_cached_prompt_hands_out_its_old_picture() -> None:
    with replaying("06_cached_rerun") as url, ComfyUI(url).events() as events:
        ids = list(dict.fromkeys(_ids("06_cached_rerun")))
        runs = [list(events.of(prompt_id)) for prompt_id in ids]
    outputs = [event.outputs[0].filename for run in runs for event in run if event.kind == "output"]
    assert outputs[0] == outputs[1] != outputs[2]
    assert not [event for event in runs[1] if event.kind in ("node", "progress")]


def _ids(name: str) -> Iterator[str]:
    for frame in frames(name):
        told = json.loads(frame)["data"]
        if "prompt_id" in told:
            yield told["prompt_id"]
