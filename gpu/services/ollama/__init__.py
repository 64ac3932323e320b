"""Ollama: its HTTP API, typed, with its errors translated (shapes as Ollama 0.32 sends them)."""

from __future__ import annotations

from gpu.services.ollama.calls import Load, Pull, Stream
from gpu.services.ollama.client import Ollama
from gpu.services.ollama.records import (
    Ask,
    Loaded,
    Model,
    Numbers,
    Piece,
    Shown,
    read_piece,
    translate,
    unwrap,
)

__all__ = [
    "Ask",
    "Load",
    "Loaded",
    "Model",
    "Numbers",
    "Ollama",
    "Piece",
    "Pull",
    "Shown",
    "Stream",
    "read_piece",
    "translate",
    "unwrap",
]
