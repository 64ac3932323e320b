"""Placeholder until the real module lands (temporary, overwrite me)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reading:
    at: float = 0
    total: int = 0
    used: int = 0
    free: int = 0
    source: str = "none"
    ollama: int = 0
    comfyui: int = 0
    foreign: int = 0
    foreign_name: str = ""
    over_threshold: bool = False
    utilization: int | None = None


def sample(comfyui_held: Callable[[], int]) -> Reading:
    return Reading()


def read() -> Reading:
    return Reading()


def history() -> list[Any]:
    return []


def foreign_sentence(reading: Reading) -> str:
    return ""
