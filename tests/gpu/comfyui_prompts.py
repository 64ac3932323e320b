"""Prompts as tests submit and await them."""

from __future__ import annotations

import time
import uuid

from gpu.services import errors
from gpu.services.comfyui import ComfyUI
from tests.standins.comfyui_graphs import Graph, txt2img


def submit(client: ComfyUI, graph: Graph | None = None) -> str:
    """Queue a graph and return its id."""
    prompt_id = str(uuid.uuid4())
    client.submit(graph or txt2img(), prompt_id)
    return prompt_id


def finish(client: ComfyUI, prompt_id: str) -> str:
    """Return how the prompt ended."""
    while (state := client.find(prompt_id)) in ("pending", "running"):
        time.sleep(0.01)
    return state


def answers(client: ComfyUI) -> bool:
    """Return whether anything answers there."""
    try:
        return bool(client.stats())
    except errors.ServiceError:
        return False
