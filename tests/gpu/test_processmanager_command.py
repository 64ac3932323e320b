"""`manage.py processmanager`, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.standins.process_manager import ROOT, Program, write_file

WORDS = [sys.executable, "manage.py", "processmanager"]
TOKEN = "a token of thirty-two letters...."


def environ(folder: Path) -> dict[str, str]:
    about = {"DJANGO_SETTINGS_MODULE": "ollamachat.settings", "PROCESS_STARTUP_WAIT": "0.2"}
    return os.environ | about | {"OLLAMA_CHAT_DATA": str(folder)}


def test_it_takes_file_token_and_waits_from_the_data_folder(tmp_path: Path) -> None:
    program = Program("comfyui", "--once", str(tmp_path / "never"))
    write_file(tmp_path, program)
    (tmp_path / ".env").write_text(f"PROCESS_MANAGER_TOKEN={TOKEN}\n")
    process = subprocess.Popen(
        [*WORDS, "--port", "0"], cwd=ROOT, env=environ(tmp_path), stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/status", timeout=60).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        told = requests.post(f"{url}/start?service=comfyui", headers=headers, timeout=60).json()
        assert told["message"] == "comfyui is not ready after 0.2 s."
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        WORDS, cwd=ROOT, env=environ(tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == f"CommandError: {tmp_path / 'processes.toml'} cannot be read: No such file or directory.\n"
    )
