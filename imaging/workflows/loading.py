"""Reading a workflow: API-format JSON, or a PNG in which ComfyUI has left one."""

from __future__ import annotations

import io
import json
from typing import Any

from PIL import Image, UnidentifiedImageError

from imaging.workflows.binding import Graph
from imaging.workflows.errors import WorkflowError

LARGEST = 4 * 2**20  # bytes of JSON
LARGEST_PNG = 32 * 2**20
MOST_NODES = 2000


def read_graph(data: bytes) -> Graph:
    """Return the graph of a file. Raises WorkflowError."""
    if data.startswith(b"\x89PNG"):
        data = _from_png(data)
    if len(data) > LARGEST:
        raise WorkflowError("too_large")
    try:
        told = json.loads(data.decode("utf-8-sig"))
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
    for name, node in told.items():
        whole = isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        if not whole or not isinstance(node.get("class_type"), str):
            raise WorkflowError("not_a_graph", node=name)
    return told


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
