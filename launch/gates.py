"""`start.py test`: every gate in its order, then the tests."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from launch import ROOT
from launch.errors import refuse
from launch.words import say

SHIPPED = ["start.py", "launch", "accounts", "live", "gpu", "chats", "imaging", "ollamachat"]
TYPED = [*SHIPPED, "tests", "bench"]
MANAGE = ["python", "manage.py"]

# Ordered: what takes a second before what takes minutes.
GATES: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "templates": ["djlint", "templates", "--lint", "--quiet"],
    "template-format": ["djlint", "templates", "--check", "--quiet"],
    "layers": ["lint-imports"],
    "types": ["mypy", *TYPED],
    "security": ["bandit", "-q", "-c", "pyproject.toml", "-r", *SHIPPED],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "deploy": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    "translations": ["python", "-m", "launch.translations"],
    "mariadb": ["python", "-m", "tests.databases"],
    # A file stays whole, for what its tests share; both processes wait more than they compute.
    "tests": ["python", "-m", "tests.run", "-n", "2", "--dist", "loadfile"],
}
NEED_PACKAGES = {"translations", "mariadb", "tests"}


@dataclass(frozen=True)
class Result:
    """How a gate ended, and after how many seconds."""

    name: str
    passed: bool
    seconds: float


def chosen_names(only: str) -> list[str]:
    """Return the gates of a comma separated list, all for an empty one; an unknown one is a StartError."""
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in GATES]
    if unknown:
        raise refuse("gates_unknown", names=", ".join(unknown), gates=", ".join(GATES))
    return [name for name in GATES if not wanted or name in wanted]


def run(names: Iterable[str], *, every_test: bool, table: Mapping[str, list[str]] = GATES) -> int:
    """Run those gates of `table`, all of them even if one fails; returns the exit status."""
    commands = {name: _command(name, table[name], every_test=every_test) for name in names}
    begun = time.monotonic()
    environment = dict(os.environ)
    if NEED_PACKAGES & commands.keys():
        from launch import system_packages

        environment["OC_LEFT_OUT"] = ",".join(system_packages.prepare())
    with tempfile.TemporaryDirectory(prefix="ollama-chat-") as folder:
        environment |= _environment(folder)
        results = [_run_gate(name, command, environment) for name, command in commands.items()]
    return _report(results, round(time.monotonic() - begun))


def _environment(folder: str) -> dict[str, str]:
    """Return settings that are none of the operator's: as on a fresh machine behind https."""
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120
    return {
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        "OLLAMA_CHAT_DATA": folder,
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "PYTHONUNBUFFERED": "1",
    }


def _command(name: str, words: list[str], *, every_test: bool) -> list[str]:
    command = [sys.executable if word == "python" else word for word in words]
    if every_test:
        return [*command, "--all"] if name == "mariadb" else command
    return [*command, "-m", "not long"] if name == "tests" else command


def _run_gate(name: str, command: list[str], environment: dict[str, str]) -> Result:
    if name == "deploy":
        environment = environment | {"PUBLIC_URL": "https://chat.example"}
    print(f"\n=== {name}: {' '.join(command).removeprefix(sys.executable).strip()}", flush=True)
    begun = time.monotonic()
    passed = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
    result = Result(name, passed, time.monotonic() - begun)
    print(f"--- {_line(result)}", flush=True)
    return result


def _line(result: Result) -> str:
    outcome = say("gate_passed" if result.passed else "gate_failed")
    return f"{result.name:<16} {outcome:<10} {result.seconds:6.1f} s"


def _report(results: Sequence[Result], seconds: int) -> int:
    print("\n" + "\n".join(_line(result) for result in results) + "\n")
    failed = [result.name for result in results if not result.passed]
    if failed:
        print(say("gates_failed", names=", ".join(failed)))
        return 1
    print(say("gates_passed", seconds=seconds))
    return 0
