"""Database and static files, brought up to date only when something has changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from launch import ROOT, venv
from launch.errors import refuse
from launch.locks import FileLock
from launch.process import bound
from launch.words import say

STATIC = ROOT / "build" / "static"


class Stamps:
    """What was true at the last start of a data folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "start.json"

    def get(self, name: str) -> Any:
        """Return what was kept under `name`, or None."""
        return self._read().get(name)

    def set(self, **values: Any) -> None:
        """Keep values for the next start."""
        self._path.write_text(json.dumps(self._read() | values), encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(kept, dict):
                return kept
        return {}


def prepare(folder: Path, environment: Mapping[str, str], *, mysql: bool) -> None:
    """Migrate and collect static files where needed. Raises StartError with one line on failure."""
    stamps = Stamps(folder)
    schema, files = _hash(ROOT.glob("*/migrations/*.py")), _hash((ROOT / "static").rglob("*"))
    steps = {}
    # The database of a MySQL server may be another one than last time, and nothing here would show it.
    if mysql or stamps.get("schema") != schema + _identity(folder):
        print(say("migrating"), flush=True)
        steps["migrate"] = ["migrate"]
    with _collecting(files) as needed:
        if needed:
            steps["collectstatic"] = ["collectstatic", "--noinput"]
        _run_all(steps, folder, environment)
    if "migrate" in steps:
        stamps.set(schema=schema + _identity(folder), admin=False)


@contextmanager
def _collecting(files: str) -> Iterator[bool]:
    """Yield whether the static files must be collected; copies that start at once take turns."""
    stamp = STATIC.with_suffix(".stamp")
    lock = FileLock(STATIC.with_suffix(".lock"))
    needed = not _is_collected(stamp, files) and lock.take(wait=True) and not _is_collected(stamp, files)
    try:
        yield needed
        if needed:
            stamp.write_text(files)
    finally:
        lock.release()


def _is_collected(stamp: Path, files: str) -> bool:
    return STATIC.is_dir() and stamp.exists() and stamp.read_text() == files


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(venv.requirements_hash().encode())
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _identity(folder: Path) -> str:
    database = folder / "db.sqlite3"
    return f" {database.stat().st_ino}" if database.exists() else ""


def _run_all(steps: Mapping[str, list[str]], folder: Path, environment: Mapping[str, str]) -> None:
    running = {name: _start(arguments, environment) for name, arguments in steps.items()}
    try:
        outputs = {name: process.communicate()[0] for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
    for name, output in outputs.items():
        if running[name].returncode:
            log = folder / "logs" / f"{name}.log"
            log.parent.mkdir(exist_ok=True)
            log.write_text(output, encoding="utf-8")
            why = (output.strip().splitlines() or ["?"])[-1]
            raise refuse("step_failed", step=f"manage.py {name}", why=why, log=log)


def _start(arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", *arguments, "--verbosity", "0"]
    return subprocess.Popen(
        bound(command),
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
