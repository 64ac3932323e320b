"""The units of systemd are whole, closed, and run what the Procfile runs."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from launch import procfile
from tests.processes import ROOT

UNITS = ROOT / "deploy" / "systemd"
APP = ["ollama-chat-web@", "ollama-chat-llm@", "ollama-chat-imaging", "ollama-chat-upkeep"]
CLOSED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ReadWritePaths": "/var/lib/ollama-chat",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectKernelTunables": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
    "User": "ollama-chat",
}


def read(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path, encoding="utf-8")
    return unit


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8").replace("/opt/ollama-chat/.venv/bin/python", "/bin/sh")
        lines = [
            line
            for line in text.splitlines()
            if not line.startswith(("User=", "Group=", "WorkingDirectory="))
        ]
        (tmp_path / path.name).write_text("\n".join(lines))
    names = [path.name.replace("@.", "@5001.") for path in UNITS.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[str(tmp_path / name) for name in names]],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "ollama-chat" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", APP)
def test_each_process_may_touch_nothing_but_its_data(name: str) -> None:
    service = read(UNITS / f"{name}.service")["Service"]
    assert {key: service[key] for key in CLOSED} == CLOSED


@pytest.mark.parametrize("name", APP)
def test_each_process_runs_what_the_procfile_runs(name: str) -> None:
    started = read(UNITS / f"{name}.service")["Service"]["ExecStart"].replace("%%h", "%h").split()[1:]
    process = name.removeprefix("ollama-chat-").rstrip("@")
    wanted = procfile.read(ROOT / "Procfile")[process][1:]
    assert sorted(started) == sorted(wanted) or {*started} - {*wanted} == {"llm@%h-%i"}


def test_the_target_starts_every_process() -> None:
    text = (UNITS / "ollama-chat.target").read_text()
    for name in APP:
        assert name in text
