"""What a scripted ComfyUI may be told to do wrong, and the record of when it was computing."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from gpu.engines.comfyui.nodes import NodeError

BOOM = "boom from node"
NO_MEMORY = (
    "Allocation on device 0 would exceed allowed memory. (out of memory)\n"
    "Currently allocated     : 21.02 GiB\nRequested               : 1.51 GiB"
)


class Fault(Enum):
    """What goes wrong with one prompt, when its sampler is reached (DIES_LATE: in the middle of it)."""

    OUT_OF_MEMORY = auto()
    NODE_ERROR = auto()
    STUCK = auto()
    DIES = auto()
    DIES_LATE = auto()


class Garbage(Enum):
    """What comes instead of an answer."""

    HTML = auto()  # status 200: somebody's login page
    BAD_GATEWAY = auto()
    CUT_JSON = auto()
    OTHER_JSON = auto()  # valid JSON of another shape


@dataclass
class Call:
    """One request as it came. `at` is `time.time()`."""

    method: str
    path: str
    raw: bytes = b""
    query: dict[str, str] = field(default_factory=dict)
    at: float = field(default_factory=time.time)

    @property
    def body(self) -> dict[str, Any]:
        try:
            value = json.loads(self.raw)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass
class Interval:
    """A prompt was computed from `start` to `end` (None: still is, or the process died); `time.time()`."""

    prompt_id: str
    start: float
    end: float | None = None


class Record:
    """Keeps when something was computed, in memory and as JSON lines in a file if there is one."""

    def __init__(self, path: Path | None = None) -> None:
        self.intervals: list[Interval] = []
        self._path = path
        self.write("up")

    def begins(self, prompt_id: str) -> None:
        self.intervals.append(Interval(prompt_id, time.time()))
        self.write("start", prompt_id)

    def ends(self, prompt_id: str) -> None:
        for interval in self.intervals:
            if interval.prompt_id == prompt_id and interval.end is None:
                interval.end = time.time()
        self.write("end", prompt_id)

    def write(self, event: str, prompt_id: str = "") -> None:
        """Appends a line, which survives kill -9."""
        if self._path is not None:
            line = {"event": event, "at": time.time(), "prompt_id": prompt_id}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def read_record(path: Path) -> list[Interval]:
    """Returns a record's intervals; one left open by a killed process ends when the next is up."""
    found: list[Interval] = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if line["event"] == "start":
            found.append(Interval(line["prompt_id"], line["at"]))
            continue
        for interval in found:
            ended = line["event"] == "up" or interval.prompt_id == line["prompt_id"]
            if ended and interval.end is None:
                interval.end = line["at"]
    return found


def raise_as_node(fault: Fault) -> None:
    """Raises what the fault means to a node, if it means something."""
    if fault is Fault.OUT_OF_MEMORY:
        raise NodeError(NO_MEMORY, "torch.OutOfMemoryError")
    if fault is Fault.NODE_ERROR:
        raise NodeError(BOOM)
