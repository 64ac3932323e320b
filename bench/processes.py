"""The app's real processes in a folder of their own, and what they cost."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).resolve().parents[1]
MODEL = "smollm2:135m"
MEBI = 2**20

# Sessions and tokens are made here and not by 200 sign-ins, which the door's throttle would refuse.
PEOPLE = """
import json
from django.contrib.auth import get_user_model
from django.test import Client
from accounts import tokens
people = []
for number in range({count}):
    user = get_user_model().objects.create_user(username=f"bench{{number}}", password=None)
    client = Client()
    client.force_login(user)
    people.append({{"session": client.cookies["sessionid"].value, "token": tokens.begin(user)["access"]}})
print(json.dumps(people))
"""


@dataclass
class Stack:
    """Everything that runs; `app` are our processes by name, Redis among them."""

    url: str
    ollama_url: str
    environment: dict[str, str]
    app: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    start_seconds: float = 0.0

    def manage(self, *arguments: str) -> str:
        """Runs a management command; returns what it prints."""
        command = [sys.executable, "manage.py", *arguments]
        ran = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True
        )
        return ran.stdout

    def people(self, count: int) -> list[dict[str, Any]]:
        """Makes people who are signed in; returns their `session` and `token`."""
        made: list[dict[str, Any]] = json.loads(
            self.manage("shell", "--no-imports", "-c", PEOPLE.format(count=count)).strip().splitlines()[-1]
        )
        return made

    def cpu(self) -> dict[str, float]:
        """Returns the CPU seconds that each process has used."""
        return {name: sum(_cpu(part) for part in _family(process)) for name, process in self.app.items()}

    def pss(self) -> dict[str, float]:
        """Returns each process's memory in MiB, shared pages counted once over all of them."""
        return {
            name: sum(part.memory_full_info().pss for part in _family(process)) / MEBI
            for name, process in self.app.items()
        }


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Yields the ready app in front of a scripted Ollama; ends all of it after."""
    port, redis_port = free_port(), free_port()
    environment = os.environ | {
        "OLLAMA_CHAT_DATA": str(folder),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OLLAMA_DEFAULT_MODEL": MODEL,
        "GPU_OLLAMA_SLOTS": "256",
        "DJANGO_SECRET_KEY": secrets.token_hex(32),
        "JWT_SECRET": secrets.token_hex(32),
    }
    with ExitStack() as ends:
        stand_in = _spawn(ends, [sys.executable, "-m", "tests.standins.ollama"], environment, piped=True)
        assert stand_in.stdout is not None
        ollama_url = stand_in.stdout.readline().decode().strip()
        stack = Stack(f"http://127.0.0.1:{port}", ollama_url, environment | {"OLLAMA_URL": ollama_url})
        stack.manage("migrate", "--verbosity", "0")
        started = time.monotonic()
        stack.app["redis"] = _spawn(ends, redis_command(redis_port, folder), environment)
        for name, command in procfile():
            stack.app[name] = _spawn(ends, command, stack.environment, log=folder / f"{name}.log")
        _wait_ready(stack, folder)
        stack.start_seconds = time.monotonic() - started
        yield stack


def procfile() -> list[tuple[str, list[str]]]:
    """Returns the app's processes by name, with their commands."""
    lines = [line.split(":", 1) for line in (ROOT / "Procfile").read_text().splitlines() if ":" in line]
    commands = [(name.strip(), shlex.split(command)) for name, command in lines]
    return [
        (name, [sys.executable if part == "python" else part for part in parts]) for name, parts in commands
    ]


def free_port() -> int:
    """Returns a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_command(port: int, folder: Path) -> list[str]:
    """Returns the command of a Redis that keeps what it has in the folder."""
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "loglevel": "warning"}
    return ["redis-server", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def _spawn(
    ends: ExitStack,
    command: list[str],
    environment: dict[str, str],
    *,
    piped: bool = False,
    log: Path | None = None,
) -> subprocess.Popen[bytes]:
    output = subprocess.PIPE if piped else ends.enter_context(log.open("wb")) if log else subprocess.DEVNULL
    errors = subprocess.STDOUT if log else None
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
    ends.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    family = _family(process)
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=5)
    for part in alive:
        part.kill()
    process.wait()


def _wait_ready(stack: Stack, folder: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urlopen(f"{stack.url}/readyz", timeout=5):
                return
        except (URLError, OSError):
            dead = [name for name, process in stack.app.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
                raise SystemExit(f"The app did not get ready; ended: {dead or 'none'}.\n{logs}") from None
            time.sleep(0.05)


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
