"""start.py over the real app: each process heals, all of them end, and the next start is quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launch import engine, probes, procfile
from launch.ready import missing_checks
from tests.launch.conftest import ROOT, until
from tests.launch.project import App

pytestmark = pytest.mark.processes


def processes() -> dict[str, str]:
    """Return by its name the end of each process's command."""
    found = {name: " ".join(command[1:]) for name, command in procfile.read(ROOT / "Procfile").items()}
    found["redis"] = "redis-server 127.0.0.1:"
    if engine.is_installed() and not probes.find_ollama():
        found["engine"] = "-m gpu.engines.ollama"
    return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as a fresh clone starts it."""
    running = App(ROOT, tmp_path_factory.mktemp("app") / "data", "--no-browser")
    running.wait_ready(60)
    yield running
    if running.popen.poll() is None:
        running.stop()


def pids(app: App, command: str) -> set[int]:
    """Return the direct children of the supervisor that run `command`."""
    found = set()
    for part in psutil.Process(app.popen.pid).children():
        try:
            found |= {part.pid} if command in " ".join(part.cmdline()) else set()
        except psutil.Error:
            continue  # it has just ended
    return found


def test_the_first_start_offers_the_set_up_link(app: App) -> None:
    assert f"{app.url}/setup/" in app.said


@pytest.mark.parametrize("name", processes())
def test_a_killed_process_comes_back_and_the_app_is_ready_again(app: App, name: str) -> None:
    command = processes()[name]
    [first] = pids(app, command)

    psutil.Process(first).kill()

    until(lambda: pids(app, command) - {first}, seconds=5)
    until(lambda: not missing_checks(app.url), seconds=15)


def test_a_command_beside_the_app_finds_its_redis_and_workers(app: App) -> None:
    told = doctor(app)
    assert {"redis", "workers", "database"} <= {finding["name"] for finding in told}
    missing = {"redis-down", "worker-missing", "not-checked", "migrations-pending"}
    assert not missing & {finding["anchor"] for finding in told}
    assert (Path(app.data) / "running.env").stat().st_mode & 0o077 == 0


def doctor(app: App) -> list[dict[str, str]]:
    """Return what `manage.py doctor` finds from a terminal of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "DJANGO_SECRET_KEY")}
    kept["OLLAMA_CHAT_DATA"] = str(app.data)
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return found


def test_it_ends_within_five_seconds_and_starts_again(app: App) -> None:
    status, seconds, left = app.stop()

    assert (status, left) == (0, [])
    assert not (Path(app.data) / "running.env").exists()
    assert seconds < 5
    assert second_start(app) < 20  # a guard: what an idle machine takes is measured, not tested


def second_start(app: App) -> float:
    """Return the seconds until the app is ready again."""
    begun = time.monotonic()
    second = App(ROOT, Path(app.data), "--no-browser")
    second.wait_ready()
    took = time.monotonic() - begun
    second.stop()
    return took
