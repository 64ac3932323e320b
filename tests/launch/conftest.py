"""Real supervisors over small programs of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys
from pathlib import Path
from launch import procfile
from launch.output import Output
from launch.process import Program
from launch.supervisor import Supervisor
import os
supervisor = Supervisor(Output(Path(sys.argv[2])))
for name, command in procfile.read(Path(sys.argv[1])).items():
    supervisor.add(Program(name, command, dict(os.environ), last=name == "last"))
supervisor.listen()
supervisor.run()
"""


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return once `condition` holds; fails the test if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    """Return whether the process still runs; one that nobody has buried yet does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


class Running:
    """A supervisor in a process of its own; its programs write their pids into files."""

    def __init__(self, folder: Path, programs: dict[str, str]) -> None:
        self.folder = folder
        lines = []
        for name, text in programs.items():
            path = folder / f"{name}.py"
            path.write_text(text)
            lines.append(f"{name}: python {path} {folder / name}.pid")
        (folder / "Procfile").write_text("\n".join(lines))
        command = [sys.executable, "-c", RUN, str(folder / "Procfile"), str(folder / "logs")]
        self.popen = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        until(lambda: all((folder / f"{name}.pid").exists() for name in programs))
        self.family = psutil.Process(self.popen.pid).children(recursive=True)

    def pid(self, name: str) -> int:
        """Return the pid that the program has written down last."""
        return int((self.folder / f"{name}.pid").read_text() or 0)

    def left(self) -> list[psutil.Process]:
        """Return what still runs of all that it had started."""
        return [part for part in self.family if lives(part)]

    def end(self) -> None:
        """End all of it, whatever the test has found."""
        for part in self.left():
            part.kill()
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Running]]:
    """Start a supervisor over programs given as Python text by name."""
    started: list[Running] = []

    def start(programs: dict[str, str]) -> Running:
        started.append(Running(tmp_path, programs))
        return started[-1]

    yield start
    for running in started:
        running.end()
