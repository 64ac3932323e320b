"""A small project for start.py to start: its own web process, its own manage.py, the real `launch`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from launch.ports import free_port
from tests.launch.conftest import ROOT, lives, until

START = """
import os, sys
from launch import options, reach, running
from launch.output import prepare_terminal
prepare_terminal()
chosen = options.parse(sys.argv[1:])
sys.exit(running.run(chosen, reach.ready_folder(chosen, os.environ)))
"""
MANAGE = """
import os, sys
from pathlib import Path
folder = Path(os.environ["OLLAMA_CHAT_DATA"])
with (folder / "asked.txt").open("a") as file:
    file.write(sys.argv[1] + "\\n")
if sys.argv[1] == "migrate":
    (folder / "db.sqlite3").touch()
if sys.argv[1] == "collectstatic":
    Path("build/static").mkdir(parents=True, exist_ok=True)
if sys.argv[1] == "setuplink" and not (folder / "admin").exists():
    print("/setup/token/")
"""
WEB = """
import json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

begun = time.monotonic()

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ready = time.monotonic() - begun > 0.3
        self.send_response(200 if ready else 503)
        self.end_headers()
        state = {"ready": ready, "checks": {"database": True, "llm": ready}}
        said = dict(os.environ) if self.path == "/environ" else state
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
IDLE = """
import time
time.sleep(600)
"""


def make_project(folder: Path) -> Path:
    """Return the root of a fresh small project."""
    shutil.copytree(ROOT / "launch", folder / "launch", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("ollamachat", "static", "app/migrations"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "ollamachat" / "env.py", folder / "ollamachat")
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, folder)
    texts = {
        "manage.py": MANAGE,
        "web.py": WEB,
        "idle.py": IDLE,
        "static/app.css": "",
        "app/migrations/0001.py": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "Procfile").write_text("web: python web.py\nllm: python idle.py\n")
    return folder


class App:
    """One start of a small project, whose output goes into a file."""

    def __init__(
        self, root: Path, data: Path, *options: str, terminal: int | None = None, **environment: str
    ) -> None:
        self.data, self.port = data, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._said = data.with_suffix(f".{self.port}.txt")
        command = [sys.executable, "-c", START, "--data-dir", str(data), "--port", str(self.port), *options]
        clean = {
            name: text for name, text in os.environ.items() if not name.startswith(("REDIS_", "OLLAMA_"))
        }
        environment = {**clean, "LANG": "C.UTF-8", **environment}
        with self._said.open("w") as file:
            output = file if terminal is None else terminal
            self.popen = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)
        self.begun = time.monotonic()

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._said.read_text()

    def wait_ready(self, seconds: float = 20) -> None:
        """Return when it says so."""
        until(lambda: "Ctrl-C stops it." in self.said or self.popen.poll() is not None, seconds)
        assert self.popen.poll() is None, self.said

    def family(self) -> list[psutil.Process]:
        """Return all that it has started."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    def stop(self) -> tuple[int, float, list[psutil.Process]]:
        """Press Ctrl-C; returns the exit status, the seconds that it took, and what is left of it."""
        family, begun = self.family(), time.monotonic()
        self.popen.send_signal(signal.SIGINT)
        status = self.popen.wait(10)
        return status, time.monotonic() - begun, [part for part in family if lives(part)]
