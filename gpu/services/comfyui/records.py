"""What ComfyUI tells, as records. The readers raise what Python raises on another shape."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from gpu.services import errors

Graph = dict[str, dict[str, Any]]
State = Literal["pending", "running", "done", "failed", "interrupted", "lost"]
SHARED = ("cpu", "mps")  # kinds of devices without memory of their own
NODE = re.compile(r"Node ID '#(.+)'")
ROOTS = ("input", "output", "temp")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """A card, in bytes. Of `total`, `torch_total` is reserved by ComfyUI, `torch_free` of that unused."""

    name: str
    type: str
    total: int
    free: int
    torch_total: int
    torch_free: int

    @property
    def held(self) -> int:
        """Bytes that ComfyUI keeps from others, used or not; 0 where main memory is all that is told."""
        return 0 if self.type in SHARED else self.torch_total


@dataclass(frozen=True)
class Stats:
    """The server's version and its cards, the one in use first."""

    version: str
    devices: tuple[Device, ...]

    @property
    def held(self) -> int:
        """Bytes that ComfyUI keeps on all cards."""
        return sum(device.held for device in self.devices)


@dataclass(frozen=True)
class Queue:
    """Ids of prompts; `pending` in the order in which they will run."""

    running: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """A file that a node wrote, as `view` wants it."""

    node: str
    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True)
class Failure:
    """What broke: the node and its own words. They may name paths: for the log and for admins."""

    node: str
    class_type: str
    kind: str
    message: str

    @property
    def out_of_memory(self) -> bool:
        return "OutOfMemory" in self.kind or "out of memory" in self.message.lower()


@dataclass(frozen=True)
class Finished:
    """How a prompt ended; `outputs` also hold what was written before it failed."""

    state: Literal["done", "failed", "interrupted"]
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True)
class Problem:
    """Why ComfyUI refuses a workflow: at which node and field; all empty if it is the whole."""

    kind: str
    message: str
    details: str = ""
    node: str = ""
    title: str = ""
    class_type: str = ""
    field: str = ""


@dataclass(frozen=True)
class Submitted:
    """A prompt in the queue. `problems`: branches that ComfyUI will silently leave out."""

    prompt_id: str
    number: float
    problems: tuple[Problem, ...] = ()


class ValidationError(errors.ServiceError):
    """ComfyUI refuses the workflow, for each of `problems`."""

    code = "workflow_refused"
    permanent = True

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        text = "; ".join(
            f"{problem.title or problem.node} {problem.field}: {problem.message} {problem.details}"
            for problem in problems
        )
        super().__init__(text, title=first.title or first.class_type, field=first.field, reason=first.message)
        self.problems = problems


def read_stats(told: dict[str, Any]) -> Stats:
    """Return the record of /system_stats."""
    devices = tuple(
        Device(
            name=str(device.get("name") or ""),
            type=str(device.get("type") or ""),
            total=int(device["vram_total"]),
            free=int(device["vram_free"]),
            torch_total=int(device.get("torch_vram_total") or 0),
            torch_free=int(device.get("torch_vram_free") or 0),
        )
        for device in told["devices"]
    )
    return Stats(str(told["system"].get("comfyui_version") or ""), devices)


def read_queue(told: dict[str, Any]) -> Queue:
    """Return the record of /queue, whose pending ones come in the order of a heap."""
    pending = sorted(told["queue_pending"], key=lambda item: item[0])
    return Queue(tuple(item[1] for item in told["queue_running"]), tuple(item[1] for item in pending))


def read_finished(entry: dict[str, Any]) -> Finished:
    """Return the record of an entry in /history."""
    outputs = tuple(read_outputs(entry.get("outputs") or {}))
    status = entry["status"]
    if status["status_str"] == "success":
        return Finished("done", outputs)
    kinds = {message[0]: message[1] for message in status.get("messages") or []}
    if "execution_interrupted" in kinds:
        return Finished("interrupted", outputs)
    return Finished("failed", outputs, read_failure(kinds.get("execution_error") or {}))


def read_failure(told: dict[str, Any]) -> Failure:
    """Return the record of an execution_error, without its traceback and tensors."""
    return Failure(
        node=str(told.get("node_id") or ""),
        class_type=str(told.get("node_type") or ""),
        kind=str(told.get("exception_type") or ""),
        message=str(told.get("exception_message") or "").strip(),
    )


def read_outputs(told: dict[str, Any]) -> Iterator[Output]:
    """Yield the files in a prompt's outputs, whatever list they are in."""
    for node, output in told.items():
        for values in output.values() if isinstance(output, dict) else []:
            for value in values if isinstance(values, list) else []:
                if isinstance(value, dict) and "filename" in value:
                    found = _output(str(node), value)
                    yield from [found] if found else []


def _output(node: str, told: dict[str, Any]) -> Output | None:
    found = Output(
        node, str(told["filename"]), str(told.get("subfolder") or ""), str(told.get("type") or "output")
    )
    parts = found.subfolder.replace("\\", "/").split("/")
    outside = found.subfolder.startswith(("/", "\\")) or ".." in parts or ":" in found.subfolder
    named = found.filename not in ("", ".", "..") and not set("/\\:\0") & set(found.filename)
    if not named or outside or found.type not in ROOTS:
        log.warning("ComfyUI names an output that is no file of its folders: %r", told)
        return None
    return found


def read_problems(told: dict[str, Any], graph: Graph) -> tuple[Problem, ...]:
    """Return what /prompt refuses, node by node; the title is the graph's own."""
    found = [
        Problem(
            kind=str(error.get("type") or ""),
            message=str(error.get("message") or ""),
            details=str(error.get("details") or ""),
            field=str((error.get("extra_info") or {}).get("input_name") or ""),
            **_named(node, graph, str(about.get("class_type") or "")),
        )
        for node, about in (told.get("node_errors") or {}).items()
        for error in about.get("errors") or []
    ]
    return tuple(found) or _whole(told.get("error"), graph)


def _whole(error: Any, graph: Graph) -> tuple[Problem, ...]:
    if not error:
        return ()
    if not isinstance(error, dict):
        return (Problem("refused", str(error)),)
    extra = error.get("extra_info") or {}
    named = NODE.fullmatch(str(error.get("details") or ""))  # 0.3.64 says it nowhere else
    node = str(extra.get("node_id") or (named[1] if named else ""))
    return (
        Problem(
            kind=str(error.get("type") or ""),
            message=str(error.get("message") or ""),
            details=str(error.get("details") or ""),
            **_named(node, graph, str(extra.get("class_type") or "")),
        ),
    )


def _named(node: str, graph: Graph, class_type: str) -> dict[str, str]:
    entry = graph.get(node) or {}
    class_type = class_type or str(entry.get("class_type") or "")
    title = str((entry.get("_meta") or {}).get("title") or class_type)
    return {"node": node, "title": title, "class_type": class_type}
