"""The stand-in leaves when a real Ollama comes, and comes back when that one has gone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.engine import NAME, Watch
from launch.output import Output
from launch.ports import free_port
from launch.probes import Ollama, find_ollama
from launch.process import Program
from launch.supervisor import Supervisor
from launch.words import say
from tests.launch.conftest import until
from tests.standins.ollama import ScriptedOllama

CODE = "import sys, time; print('engine runs', flush=True); time.sleep(600)"


class Scene:
    """A supervisor in a thread, and a watch over one port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / f"{NAME}.log"
        self.looks = 0
        output = Output(folder)
        self.supervisor = Supervisor(output)
        program = Program(NAME, [sys.executable, "-c", CODE], dict(os.environ))
        self.watch = Watch(
            self.supervisor,
            output,
            program,
            self._find,
            0.1,
            came=lambda real: say("ollama_came", version=real.version, url=real.url),
            left=say("ollama_left"),
        )

    def _find(self) -> Ollama | None:
        self.looks += 1
        return find_ollama(f"http://127.0.0.1:{self.port}")

    def starts(self) -> int:
        """How often the stand-in has been started."""
        return self.log.read_text().count("engine runs") if self.log.exists() else 0


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    running = threading.Thread(target=scene.supervisor.run)
    running.start()
    yield scene
    scene.supervisor.call(scene.supervisor.stop)
    running.join(5)


def test_it_follows_the_real_one_without_a_restart(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.supervisor.call(lambda: scene.watch.begin(found=False))
    until(lambda: scene.starts() == 1)

    with ScriptedOllama(port=scene.port):
        until(lambda: scene.supervisor.running() == [])
    until(lambda: scene.starts() == 2)

    said = capsys.readouterr().out
    assert "Ollama 0.32.15 appeared" in said
    assert "Ollama has gone" in said


def test_it_stays_away_while_a_real_one_is_there(scene: Scene) -> None:
    with ScriptedOllama(port=scene.port):
        scene.supervisor.call(lambda: scene.watch.begin(found=True))
        until(lambda: scene.looks > 3)
        assert scene.supervisor.running() == []
