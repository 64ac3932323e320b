"""ComfyUI: its HTTP API and its websocket, typed (shapes as ComfyUI 0.3.64 and 0.33 send them)."""

from __future__ import annotations

from gpu.services.comfyui.client import ComfyUI
from gpu.services.comfyui.events import Event, Events, Kind
from gpu.services.comfyui.records import (
    Device,
    Failure,
    Finished,
    Output,
    Problem,
    Queue,
    State,
    Stats,
    Submitted,
    ValidationError,
)

__all__ = [
    "ComfyUI",
    "Device",
    "Event",
    "Events",
    "Failure",
    "Finished",
    "Kind",
    "Output",
    "Problem",
    "Queue",
    "State",
    "Stats",
    "Submitted",
    "ValidationError",
]
