"""Whether a ComfyUI can run a graph: its nodes, their inputs, the files of its models."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Sequence
from typing import Any

from gpu.services.comfyui import ComfyUI
from imaging.workflows.binding import Graph, link_of, title_of
from imaging.workflows.errors import WorkflowError

TOLD = 5  # files that are named when one is missing
FILES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".gguf", ".bin")
KEPT = 10.0  # seconds that an answer of ComfyUI's is believed, so that a line of jobs asks once
Describe = Callable[[str], dict[str, Any]]

_told: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}


def recently(comfyui: ComfyUI) -> Describe:
    """Return `describe` for a ComfyUI, from what it has answered within seconds. It raises ServiceError."""

    def describe(kind: str) -> dict[str, Any]:
        key, now = (comfyui.url, kind), time.monotonic()
        before = _told.get(key)
        if before and now - before[0] <= KEPT:
            return before[1]
        for old in [one for one, (at, _) in list(_told.items()) if now - at > KEPT]:
            _told.pop(old, None)
        _told[key] = (now, comfyui.object_info(kind))
        return _told[key][1]

    return describe


def problems_of(graph: Graph, describe: Describe) -> list[WorkflowError]:
    """Return what is missing; `describe` answers a class's entry in /object_info, {} for an unknown one."""
    found: list[WorkflowError] = []
    known: dict[str, dict[str, Any]] = {}
    for name, node in graph.items():
        kind = node["class_type"]
        if kind not in known:
            known[kind] = describe(kind)
        title = title_of(graph, name)
        if not known[kind]:
            found.append(WorkflowError("missing_node", class_type=kind, title=title))
        else:
            found += _fields(node["inputs"], known[kind].get("input") or {}, title)
    return found


def _fields(inputs: dict[str, Any], declared: dict[str, Any], title: str) -> list[WorkflowError]:
    found = []
    required = declared.get("required") or {}
    for key, declaration in {**required, **(declared.get("optional") or {})}.items():
        if key not in inputs:
            if key in required:
                found.append(WorkflowError("missing_input", title=title, field=key))
            continue
        value, options = inputs[key], options_of(declaration)
        if options is None or link_of(value) or value in options or not _is_file(value):
            continue
        found.append(
            WorkflowError("missing_file", title=title, field=key, wanted=value, has=nearest(value, options))
        )
    return found


def options_of(declaration: Any) -> list[Any] | None:
    """Return the values that a field may have, written in the old way or the new; None if it is no choice."""
    if not isinstance(declaration, list) or not declaration:
        return None
    if isinstance(declaration[0], list):
        return declaration[0]
    if declaration[0] == "COMBO" and len(declaration) > 1 and isinstance(declaration[1], dict):
        options = declaration[1].get("options")
        return options if isinstance(options, list) else None
    return None


def _is_file(value: Any) -> bool:
    """Return whether it names a model: a picture of LoadImage's is put there by us."""
    return isinstance(value, str) and value.lower().endswith(FILES)


def nearest(wanted: str, options: Sequence[Any]) -> str:
    """Return what there is instead, the closest names first, for people."""
    names = [str(option) for option in options]
    near = difflib.get_close_matches(wanted, names, TOLD, 0.3)
    told = list(dict.fromkeys([*near, *names]))[:TOLD]
    return ", ".join(told) or "—"
