"""Reading a workflow: API-format JSON, or a PNG in which ComfyUI has left one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from imaging.workflows.binding import Graph
from imaging.workflows.errors import WorkflowError

LARGEST = 4 * 2**20  # bytes of JSON
LARGEST_PNG = 32 * 2**20
MOST_NODES = 2000
DEEPEST = 20  # lists and objects within each other; ComfyUI nests three or four


def read_file(path: str) -> Graph:
    """Return the graph of a file on this machine. Raises WorkflowError."""
    try:
        with Path(path).open("rb") as file:
            return read_graph(file.read(LARGEST_PNG + 1))
    except OSError as error:
        raise WorkflowError("unreadable") from error


def read_graph(data: bytes) -> Graph:
    """Return the graph of a file. Raises WorkflowError."""
    if data.startswith(b"\x89PNG"):
        data = _from_png(data)
    if len(data) > LARGEST:
        raise WorkflowError("too_large")
    try:
        # ComfyUI writes NaN beside a node's inputs, which is no JSON.
        told = json.loads(data.decode("utf-8-sig"), parse_constant=lambda _: None)
        json.dumps(told, ensure_ascii=False).encode()  # half of a character is no text
    except (ValueError, RecursionError):
        raise WorkflowError("unreadable") from None
    return checked(told)


def checked(told: Any) -> Graph:
    """Return what JSON says as a graph. Raises WorkflowError."""
    if isinstance(told, dict) and isinstance(told.get("prompt"), dict) and "class_type" not in told["prompt"]:
        told = told["prompt"]
    if not isinstance(told, dict) or not told:
        raise WorkflowError("unreadable")
    if isinstance(told.get("nodes"), list) and "links" in told:
        raise WorkflowError("ui_format")
    if len(told) > MOST_NODES:
        raise WorkflowError("too_large")
    return {name: _node(name, node) for name, node in told.items()}


def _node(name: str, node: Any) -> dict[str, Any]:
    """Return what ComfyUI needs of a node, and its title."""
    whole = isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    if not whole or not isinstance(node.get("class_type"), str) or not node["class_type"]:
        raise WorkflowError("not_a_graph", node=name)
    if _is_deeper(node["inputs"], DEEPEST):
        raise WorkflowError("unreadable")
    kept = {"inputs": node["inputs"], "class_type": node["class_type"]}
    named = node.get("_meta")
    return {**kept, "_meta": named} if isinstance(named, dict) and not _is_deeper(named, DEEPEST) else kept


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    within = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in within)


def _from_png(data: bytes) -> bytes:
    if len(data) > LARGEST_PNG:
        raise WorkflowError("too_large")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            text = picture.info.get("prompt", "")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise WorkflowError("unreadable") from None
    if not isinstance(text, str) or not text:
        raise WorkflowError("no_prompt_chunk")
    return text.encode()
