"""What the person sees: each process's lines with its name in front, and one line of progress."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import IO

LOG_SIZE = 5 * 2**20  # bytes, then the log starts anew and one older one is kept
COLOURS = (36, 33, 32, 35, 34, 96)


def prepare_terminal() -> None:
    """Make output that the terminal has no letters for lose the letters, not the process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace", line_buffering=True)  # type: ignore[union-attr]
    if os.name == "nt":
        os.system("")  # switches the console's escape sequences on


def write(text: str) -> None:
    """Print, unless the terminal is gone (SIGHUP, a closed pipe): the processes still need an orderly end."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


class Log:
    """A file that never grows past twice LOG_SIZE, with its backup."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def write(self, line: str) -> None:
        """Add a line; a full disk loses it and stops nothing."""
        with contextlib.suppress(OSError):
            self._file = self._file or self._path.open("a", encoding="utf-8", errors="replace")
            self._file.write(line + "\n")
            self._file.flush()
            if self._file.tell() > LOG_SIZE:
                self.close()
                self._path.replace(self._path.with_suffix(".log.1"))

    def close(self) -> None:
        """Close the file; another write opens it again."""
        if self._file:
            self._file.close()
            self._file = None


class Output:
    """The terminal and the logs of all processes; every method may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._logs: dict[str, Log] = {}
        self._lock = threading.RLock()
        self._status = self._said = ""
        self._tty = sys.stdout.isatty()

    def keep(self, name: str, text: str) -> None:
        """Put one line of the process `name` into its log."""
        with self._lock:
            self._logs.setdefault(name, Log(self._folder / f"{name}.log")).write(text)

    def line(self, name: str, text: str) -> None:
        """Show and keep one line of the process `name`."""
        with self._lock:
            self.keep(name, text)
            prefix = f"{name:<8}|"
            if self._tty:
                colour = COLOURS[list(self._logs).index(name) % len(COLOURS)]
                prefix = f"\033[{colour}m{prefix}\033[0m"
            self.say(f"{prefix} {text}")

    def say(self, text: str = "") -> None:
        """Show lines of our own."""
        with self._lock:
            write(("\r\033[K" if self._status else "") + text + "\n" + self._status)

    def status(self, text: str) -> None:
        """Keep `text` as the last line of a terminal until the next call; elsewhere print it if it is new."""
        with self._lock:
            if self._tty:
                self._status = text[: shutil.get_terminal_size().columns - 1]
                write("\r\033[K" + self._status)
            elif text and text != self._said:
                write(text + "\n")
            self._said = text
