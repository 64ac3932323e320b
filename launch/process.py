"""One process that the supervisor runs, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from launch import ROOT


@dataclass(frozen=True)
class Program:
    """What to run. `given` is what it reads on stdin.

    `once`: it may end; `quiet`: its lines are for the log alone; `last`: it ends after all others.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    given: bytes = b""
    once: bool = False
    quiet: bool = False
    last: bool = False
    hear: Callable[[str], None] | None = None  # takes its lines instead of the terminal
    ended: Callable[[int], None] | None = None  # takes the exit code of one that runs once


class Process:
    """A running program; Ctrl-C in the terminal does not reach it, and it is signalled as a group."""

    def __init__(self, program: Program, hear: Callable[[str], None], ended: Callable[[], None]) -> None:
        self.program = program
        self._popen = subprocess.Popen(
            bound(program.command),
            cwd=ROOT,
            env=dict(program.environment),
            stdin=subprocess.PIPE if program.given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.pid = self._popen.pid
        if self._popen.stdin:
            with contextlib.suppress(BrokenPipeError), self._popen.stdin as stdin:
                stdin.write(program.given)
        self._reader = threading.Thread(target=self._read, args=(hear, ended), daemon=True)
        self._reader.start()

    def _read(self, hear: Callable[[str], None], ended: Callable[[], None]) -> None:
        assert self._popen.stdout
        with self._popen.stdout as lines:
            for line in lines:
                hear(line.decode(errors="replace").rstrip())
        ended()

    def poll(self) -> int | None:
        """Return the exit code once it has ended, as subprocess does."""
        return self._popen.poll()

    def gone(self) -> bool:
        """Return whether nothing of it is left, what it started included."""
        return self.poll() is not None and not _group_lives(self.pid)

    def ask_to_end(self) -> None:
        """Send SIGTERM (Windows: Ctrl-Break)."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._popen.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                os.killpg(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                subprocess.run(
                    ["taskkill", "/T", "/F", "/PID", str(self.pid)], capture_output=True, check=False
                )
            else:
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(1)

    def finish_reading(self, seconds: float = 1) -> None:
        """Return when its last line has been heard; what it left behind may hold its pipe for longer."""
        self._reader.join(seconds)


def bound(command: list[str]) -> list[str]:
    """Return the command that runs `command` and, on Linux, is killed when this process dies."""
    if sys.platform != "linux":
        return command
    child = str(Path(__file__).with_name("child.py"))
    return [sys.executable, "-I", "-S", child, str(os.getpid()), *command]


def _group_lives(group: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def describe_end(code: int) -> str:
    """Return an exit code in words: `exit code 3`, `signal SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
