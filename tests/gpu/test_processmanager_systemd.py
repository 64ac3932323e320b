"""Units, over a `systemctl` and a `journalctl` that keep theirs in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.process_manager import Manager, Program

SYSTEMCTL = """#!{python} -IS
import os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path({folder!r})
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
pid, words = folder / "pid", [word for word in sys.argv[1:] if not word.startswith("--")]
def alive():
    try:
        return pid.exists() and open("/proc/" + pid.read_text() + "/stat").read().split()[2] != "Z"
    except OSError:
        return False
if (folder / "refuse").exists() and "show" not in words:
    sys.exit("Interactive authentication required.")
if "start" in words and not alive():
    null = subprocess.DEVNULL
    started = subprocess.Popen({command!r}, start_new_session=True, stdout=null, stderr=null)
    pid.write_text(str(started.pid))
if "stop" in words and alive():
    os.kill(int(pid.read_text()), signal.SIGTERM)
if "show" in words:
    runs = alive()
    print("ActiveState=" + ("active" if runs else "failed" if pid.exists() else "inactive"))
    print("MainPID=" + (pid.read_text() if runs else "0"))
    print("Result=exit-code\\nExecMainStatus=7")
"""
JOURNALCTL = "#!/bin/sh\necho 'a line of the journal'\n"


class Unit(Program):
    """The small program as a unit."""

    def __init__(self, folder: Path) -> None:
        super().__init__("ollama", driver="systemd", unit="ollama.service", scope="user")
        self.folder = folder
        command = self.settings.pop("command")
        script = SYSTEMCTL.format(python=sys.executable, folder=str(folder), command=command)
        for name, text in {"systemctl": script, "journalctl": JOURNALCTL}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def calls(self) -> list[str]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [line for line in lines if " show " not in line]


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path)


@pytest.fixture
def manager(tmp_path: Path, unit: Unit) -> Iterator[Manager]:
    with Manager(tmp_path, unit, environ={"PATH": f"{tmp_path}:/usr/bin:/bin"}) as running:
        yield running
        running.post("/stop?service=ollama&force=true")


def test_a_unit_is_started_and_stopped(manager: Manager, unit: Unit) -> None:
    told = manager.post("/start?service=ollama")[1]
    assert (told["state"], told["pid"]) == ("ready", int((unit.folder / "pid").read_text()))
    assert manager.post("/stop?service=ollama")[1]["state"] == "stopped"
    assert not unit.answers()
    assert unit.calls() == [
        "--user --no-ask-password start ollama.service",
        "--user --no-block --no-ask-password stop ollama.service",
    ]


def test_a_unit_that_runs_already_is_found_and_may_be_stopped(manager: Manager, unit: Unit) -> None:
    manager.post("/start?service=ollama")
    manager.again()
    assert manager.until("ollama", state="ready")["ours"] is True
    assert manager.post("/stop?service=ollama")[1]["state"] == "stopped"


def test_a_unit_is_not_ended_with_the_manager(manager: Manager, unit: Unit) -> None:
    manager.post("/start?service=ollama")
    manager.again(15)
    assert unit.answers()


def test_a_unit_that_failed_is_told_with_what_systemd_says(manager: Manager, unit: Unit) -> None:
    manager.post("/start?service=ollama")
    os.kill(int((unit.folder / "pid").read_text()), 9)
    reason = manager.until("ollama", state="failed")["reason"]
    assert reason.startswith("ended (exit-code, code 7) after")
    assert reason.endswith(": a line of the journal")


def test_a_start_that_systemd_refuses_says_why(manager: Manager, unit: Unit) -> None:
    (unit.folder / "refuse").touch()
    status, told = manager.post("/start?service=ollama")
    assert status == 504
    assert told["message"] == (
        "ollama could not be started: systemctl start was refused: Interactive authentication required."
    )
    (unit.folder / "refuse").unlink()


def test_a_machine_without_systemd_says_so(tmp_path: Path) -> None:
    unit = Program("ollama", driver="systemd", unit="ollama.service")
    with Manager(tmp_path, unit, environ={"PATH": str(tmp_path)}) as manager:
        message = manager.post("/start?service=ollama")[1]["message"]
    assert message.startswith("ollama could not be started: systemctl does not work here: ")


def test_the_log_of_a_unit_is_the_journal(manager: Manager) -> None:
    told = manager.call("GET", "/log?service=ollama").json()
    assert told == {"service": "ollama", "lines": ["a line of the journal"]}
