"""pip, with its progress shown and its failures put into one line."""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from launch import ROOT
from launch.errors import StartError, refuse
from launch.process import bound
from launch.words import say

TICK = 1.0  # seconds between signs of life on a terminal
FULL = 50 * 2**20  # bytes: with fewer free, that is the trouble even where nobody says so
SLOW_TICK = 5.0  # the same where each of them is a line
NETWORK = (
    r"name resolution|getaddrinfo|NewConnectionError|ConnectTimeout|Network is unreachable|ReadTimeout"
    r"|Connection refused|ProxyError|SSLError|Connection (?:reset|aborted|broken)"
)
PROBLEMS = (  # the first that matches names the trouble, so the causes come before what follows from them
    (r"No space left on device|Errno 28|not enough space on the disk", "pip_disk"),
    (NETWORK, "pip_network"),
    (r"No matching distribution found for (\S+)", "pip_no_wheel"),
    (
        r"Failed to build (?:installable wheels for some pyproject\.toml based projects \()?(\S+?)\)?$",
        "pip_build",
    ),
    (
        r"Failed building wheel for (\S+)|metadata-generation-failed|command '.*(?:gcc|cl\.exe).*' failed",
        "pip_build",
    ),
    (r"Permission denied: '([^']*)'", "pip_permission"),
)


class PipError(Exception):
    """pip has failed; `output` is what it printed."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def complaint(output: str) -> StartError:
    """Return the error whose one line says what pip's output means for the person."""
    for pattern, key in PROBLEMS:
        match = re.search(pattern, output, re.MULTILINE)
        if match:
            return refuse(key, what=next((group for group in match.groups() if group), "?"))
    if shutil.disk_usage(ROOT).free < FULL:
        return refuse("pip_disk")
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or output.splitlines()
    return refuse("pip_other", what=errors[-1].removeprefix("ERROR:").strip() if errors else "?")


def install(python: Path, requirements: Path, options: list[str], *, title: str) -> None:
    """Install `requirements` into the environment of `python`. Raises PipError."""
    command = [str(python), "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check"]
    process = subprocess.Popen(
        bound([*command, "--no-input", *options, "-r", str(requirements)]),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        output = _follow(process, Progress(title))
    except BaseException:
        process.kill()
        raise
    if process.wait():
        raise PipError(output)


def _follow(process: subprocess.Popen[str], progress: Progress) -> str:
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout
        with process.stdout as output:
            for line in output:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    kept = []
    while True:
        try:
            line = lines.get(timeout=progress.tick)
        except queue.Empty:
            progress.wait()
            continue
        if line is None:
            break
        kept.append(line)
        progress.show(line)
    progress.end()
    return "".join(kept)


def _package(text: str) -> str:
    """Return what pip collects or processes, without where it comes from."""
    name = text.partition(" (from")[0].rpartition("/")[2]
    return name.partition("-")[0] if name.endswith(".whl") else name


class Progress:
    """One line that changes on a terminal, one line a package elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._tty = sys.stdout.isatty()
        self.tick = TICK if self._tty else SLOW_TICK
        self._begun = time.monotonic()
        self._count = 0
        self._doing = ""
        print(title, flush=True)

    def show(self, line: str) -> None:
        """Take a line of pip's and show what it says about the progress."""
        word, _, rest = line.strip().partition(" ")
        if word in {"Collecting", "Processing"}:
            self._count += 1
            self._doing = say("pip_fetching", what=_package(rest), count=self._count)
        elif line.strip().startswith("Building wheel for"):
            self._doing = say("pip_building", what=rest.removeprefix("wheel for ").partition(" ")[0])
        elif word == "Installing" and rest.startswith("collected"):
            self._doing = say("pip_unpacking", count=rest.count(",") + 1)
        else:
            return
        self._print("")

    def wait(self) -> None:
        """Say that it still goes on."""
        self._print(say("pip_seconds", seconds=round(time.monotonic() - self._begun)))

    def end(self) -> None:
        """Leave the terminal at the start of an empty line."""
        if self._tty:
            print("\r\033[K", end="", flush=True)

    def _print(self, more: str) -> None:
        text = f"  {self._doing} {more}".rstrip()
        if self._tty:
            print("\r\033[K" + text[: shutil.get_terminal_size().columns - 1], end="", flush=True)
        else:
            print(text, flush=True)
