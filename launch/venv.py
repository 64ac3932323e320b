"""The project's own Python environment: made once, brought up to date when the requirements change."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

from launch import ROOT, pip
from launch.errors import refuse
from launch.locks import FileLock
from launch.words import say

VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MYSQL_HEADERS = "sudo apt install default-libmysqlclient-dev pkg-config build-essential python3-dev"
FILES = {
    "runtime": ["requirements.txt"],
    "engine": ["requirements-engine.txt"],
    "mysql": ["requirements-mysql.txt"],
    "mysql_tests": ["requirements-mysql.txt"],
    "dev": ["requirements.txt", "requirements-dev.txt"],
}
RETRY = 24 * 3600  # seconds before an optional set that failed is tried again


def prepare(sets: list[str]) -> None:
    """Make the environment and install the sets of requirements that are not there yet.

    `sets` are among FILES; engine and mysql_tests may fail. Raises StartError with one line.
    """
    if PYTHON.exists() and all(_is_done(name) for name in sets):
        return
    lock = FileLock(ROOT / "build" / "venv.lock")
    try:
        lock.take(wait=True)  # two first starts at once would install over each other
        if not (PYTHON.exists() and _has_pip()):
            _make()
        for name in sets:
            if not _is_done(name):
                _install(name)
    except OSError as error:
        raise refuse("folder_failed", path=error.filename or ROOT, why=error.strerror) from error
    finally:
        lock.release()


def enter(arguments: list[str], *, script: str = "start.py") -> None:
    """Go on as the same command inside the environment; returns only if this is inside it already."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    command = [str(PYTHON), str(ROOT / script), *arguments]
    if os.name == "nt":  # exec would hand the console back while the app still runs
        sys.exit(_wait_for(command))
    os.execv(PYTHON, command)


def _wait_for(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # it reached the child too, which ends in order


def has(package: str) -> bool:
    """Return whether the environment, which this process runs in, has `package`."""
    importlib.invalidate_caches()
    return importlib.util.find_spec(package) is not None


def requirements_hash() -> str:
    """Return what the installed runtime depends on, for other stamps to build on."""
    return _wanted("runtime")


def _files(name: str) -> list[Path]:
    return [ROOT / file for file in FILES[name]]


def _wanted(name: str) -> str:
    digest = hashlib.sha256(_python_version().encode())
    for path in _files(name):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _python_version() -> str:
    config = VENV / "pyvenv.cfg"
    lines = config.read_text(encoding="utf-8").splitlines() if config.exists() else []
    versions = [line.partition("=")[2].strip() for line in lines if line.startswith("version")]
    return ".".join((versions or ["none"])[0].split(".")[:2])


def _stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def _is_done(name: str) -> bool:
    stamp = _stamp(name)
    if not stamp.exists():
        return False
    found = stamp.read_text()
    failed_lately = time.time() - stamp.stat().st_mtime < RETRY
    return found == _wanted(name) or (found == _failed(name) and failed_lately)


def _failed(name: str) -> str:
    return f"failed {_wanted(name)}"


def _has_pip() -> bool:
    return any(VENV.glob("lib/python*/site-packages/pip")) or (VENV / "Lib/site-packages/pip").is_dir()


def _make() -> None:
    print(say("venv_making", path=VENV))
    major, minor = sys.version_info[:2]
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise refuse("no_ensurepip", version=f"{major}.{minor}")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        output = made.stdout + made.stderr
        if "ensurepip is not available" in output:
            raise refuse("no_ensurepip", version=f"{major}.{minor}")
        raise pip.complaint(output)


def _install(name: str) -> None:
    options = ["--no-deps"] if name == "engine" else []
    try:
        pip.install(PYTHON, _files(name)[-1], options, title=say(f"installing_{name}"))
    except pip.PipError as error:
        if name == "mysql":
            raise refuse("failed_mysql", hint=MYSQL_HEADERS) from error
        if name in {"runtime", "dev"}:
            raise pip.complaint(error.output) from error
        print(say(f"failed_{name}", hint=MYSQL_HEADERS))
        _stamp(name).write_text(_failed(name))
    else:
        _stamp(name).write_text(_wanted(name))
