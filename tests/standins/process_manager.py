"""The real process manager in a process of its own, over small programs as its services."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import requests

from launch.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests/standins/service_program.py"
PATIENCE = 30  # seconds
Found = TypeVar("Found")


class Program:
    """A service of the file: the small program on a port of its own."""

    def __init__(self, name: str, *options: str, **settings: Any) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        words = [sys.executable, "-I", "-S", str(PROGRAM), str(self.port), *options]
        quick = {"stop_timeout": 2, "backoff": 0.05, "attempts": 1}
        self.settings = {"command": words, "url": self.url, **quick, **settings}
        if name not in {"ollama", "comfyui"}:
            self.settings.setdefault("ready_url", self.url)

    def show(self, **what: Any) -> None:
        """Make the running program show something."""
        requests.post(f"{self.url}/show", json=what, timeout=PATIENCE).raise_for_status()

    def answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    def toml(self) -> str:
        lines = [f"{key} = {_toml(value)}" for key, value in self.settings.items()]
        return "\n".join([f"[services.{self.name}]", *lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(text)}" for key, text in value.items()) + "}"
    return json.dumps(value)


def write_file(folder: Path, *programs: Program, **manager: Any) -> Path:
    """Write a manager's file and return its path."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in manager.items()]
    path = folder / "processes.toml"
    text = ["[manager]", *lines, "", *(program.toml() for program in programs)]
    path.write_text("\n".join(text), encoding="utf-8")
    return path


class Manager:
    """`with Manager(tmp_path, Program("ollama")) as manager:`; the whole tree is gone at the end."""

    def __init__(self, folder: Path, *programs: Program, environ: dict[str, str] | None = None, **file: Any):
        self.folder = folder
        self._path = write_file(folder, *programs, **({"switch_timeout": 30, "startup_wait": 30} | file))
        self._environ = os.environ | (environ or {})
        self._token = file.get("token", "") or (environ or {}).get("PROCESS_MANAGER_TOKEN", "")
        self._seen: list[psutil.Process] = []
        self.process = self._run()

    def _run(self) -> subprocess.Popen[str]:
        words = [sys.executable, "gpu/processmanager.py", "--config", str(self._path), "--port", "0"]
        process = subprocess.Popen(
            words, cwd=ROOT, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        said = process.stdout.readline().split()
        if not said:
            process.communicate()
            raise AssertionError("the process manager did not start")
        self.url = said[-1]
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.family()
        self.end(signal.SIGTERM)
        for process in self._seen:  # a failed test leaves nothing either
            if process.is_running():
                process.kill()

    def end(self, number: int) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def again(self, number: int = signal.SIGKILL) -> None:
        """End the manager and start it anew with the same file."""
        self.end(number)
        self.process = self._run()

    def family(self) -> list[psutil.Process]:
        """Return all that the manager has started and that still runs, by its processes."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                if child not in self._seen:
                    self._seen.append(child)
        return [one for one in self._seen if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def call(self, method: str, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        """Make one call with the manager's token."""
        known = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return requests.request(
            method, self.url + path, headers=known | (headers or {}), timeout=2 * PATIENCE
        )

    def post(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of a change."""
        response = self.call("POST", path)
        return response.status_code, response.json()

    def service(self, name: str) -> dict[str, Any]:
        """Return one service of /status."""
        service: dict[str, Any] = self.call("GET", "/status").json()["services"][name]
        return service

    def until(self, name: str, **expected: Any) -> dict[str, Any]:
        """Return the service once it is as expected."""
        return wait_for(lambda: _as_expected(self.service(name), expected))


def _as_expected(service: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any] | None:
    return service if service | expected == service else None


def wait_for(find: Callable[[], Found | None]) -> Found:
    """Return what `find` gives as soon as that is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.03)
    return found
