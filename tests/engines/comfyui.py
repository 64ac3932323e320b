"""The embedded ComfyUI as a process, the traffic of a real one, and both brought into one form to compare."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import connect

from tests.standins.captures import shape

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "tests" / "captures" / "comfyui"
Graph = dict[str, dict[str, Any]]
Message = dict[str, Any]
OFTEN = ("progress", "progress_state", "preview")


@dataclass
class Engine:
    """The running stand-in."""

    process: subprocess.Popen[str] | None
    url: str

    def get(self, path: str, **given: Any) -> Any:
        """Returns the JSON of a GET."""
        return requests.get(self.url + path, timeout=30, **given).json()

    def post(self, path: str, body: Any = None) -> requests.Response:
        return requests.post(self.url + path, json=body, timeout=30)

    def run(self, graph: Graph, **more: Any) -> list[Message]:
        """Queues a graph and returns its messages up to the end, and what they were preceded by."""
        client_id = str(uuid.uuid4())
        with self.listen(client_id) as hear:
            answer = self.post("/prompt", {"prompt": graph, "client_id": client_id, **more})
            assert answer.status_code == 200, answer.text
            return hear(ends)

    @contextmanager
    def listen(self, client_id: str = "", first: str = "") -> Iterator[Callable[..., list[Message]]]:
        """Yields a function that returns the messages up to one that is wanted, at most `seconds` apart."""
        with connect(f"ws{self.url[4:]}/ws?clientId={client_id}", max_size=None) as socket:
            if first:
                socket.send(first)

            def hear(wanted: Callable[[Message], bool], seconds: float = 20) -> list[Message]:
                found: list[Message] = []
                while not found or not wanted(found[-1]):
                    found.append(message(socket.recv(seconds)))
                return found

            yield hear


@contextmanager
def running_comfyui(*arguments: str, picture_seconds: float = 0.05) -> Iterator[Engine]:
    """Yields a fresh engine; ends it after."""
    command = [sys.executable, "-m", "gpu.engines.comfyui", "--port", "0", "--load-seconds", "0"]
    process = subprocess.Popen(
        [*command, "--picture-seconds", str(picture_seconds), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Engine(process, process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def message(frame: str | bytes) -> Message:
    """Returns a frame as a message; a preview's data tell its header."""
    if isinstance(frame, str):
        told: Message = json.loads(frame)
        return told
    kind = int.from_bytes(frame[:4], "big")
    return {"type": "preview", "data": {"kind": kind, "bytes": frame}}


def ends(told: Message) -> bool:
    """Returns whether this is the last message of a prompt."""
    return told["type"] == "executing" and told["data"]["node"] is None


def captured(name: str) -> dict[str, Any]:
    """Returns a request and its answer, as the real one gave it."""
    found: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    return found


def graph_of(name: str) -> Graph:
    """Returns the graph that was posted in a capture."""
    graph: Graph = captured(name)["request"]["json"]["prompt"]
    return graph


def heard(name: str) -> list[Message]:
    """Returns the messages that the real one sent."""
    found: list[Message] = []
    for line in (CAPTURES / f"{name}.ws.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        if "text" in told:
            found.append(told["text"])
        elif told.get("binary"):
            found.append({"type": "preview", "data": {"kind": told["event_type"]}})
    return found


def story(messages: list[Message]) -> list[Any]:
    """Returns what a client can see, without ids and times; what comes at each step only at the first."""
    found: list[Any] = []
    seen: list[Any] = []
    for told in messages:
        step = _step(told)
        if told["type"] not in OFTEN:
            seen = []
        elif step in seen:
            continue
        else:
            seen.append(step)
        found.append(step)
    return found


def _step(told: Message) -> Any:
    kind, data = told["type"], told["data"]
    if kind == "progress_state":
        return kind, [(node, state["state"]) for node, state in data["nodes"].items()]
    if kind == "executing":
        return kind, data["node"]
    if kind == "execution_cached":
        return kind, data["nodes"]
    if kind == "status":
        return kind, data["status"]["exec_info"]["queue_remaining"]
    if kind == "execution_interrupted":
        return kind, data["node_id"], data["executed"]
    return (kind, data.get("kind")) if kind == "preview" else kind


def shapes(messages: list[Message]) -> dict[str, list[Any]]:
    """Returns the distinct shapes of each kind of message; of cumulative ones, of a node."""
    found: dict[str, list[Any]] = {}
    for told in messages:
        data = told["data"]
        parts = list(data["nodes"].values()) if told["type"] == "progress_state" else [data]
        for part in parts if told["type"] != "preview" else []:
            entries = found.setdefault(told["type"], [])
            if (seen := shape(part)) not in entries:
                entries.append(seen)
    return {kind: sorted(entries, key=str) for kind, entries in found.items()}
