"""A small program that a process manager can start: `python service_program.py PORT [options]`.

It answers like Ollama and ComfyUI in as far as a process manager asks them, and can misbehave.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DRAWING = {"queue_running": [[1, "id"]], "queue_pending": []}
LONG_AGO, FAR_AWAY = "2020-01-01T00:00:00.123456789Z", "2319-01-01T00:00:00.123456789+01:00"


class State:
    """What the program is made to show, through `POST /show`."""

    drawing = False
    answering = False
    models: list[str] = []
    holds_on = False
    services: dict[str, Any] = {}
    die_after: float | None = None


class Handler(BaseHTTPRequestHandler):
    """GET /queue, /api/ps, /environ and anything else; POST /show and /api/generate."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        told: Any = {"pid": os.getpid()}
        if self.path == "/queue":
            told = DRAWING if State.drawing else {"queue_running": [], "queue_pending": []}
        elif self.path == "/api/ps":
            expires_at = LONG_AGO if State.answering else FAR_AWAY
            models = [{"name": name, "expires_at": expires_at} for name in State.models]
            told = {"models": models, "services": State.services}
        elif self.path == "/environ":
            told = dict(os.environ)
        self._send(told)
        if State.die_after is not None:
            threading.Timer(State.die_after, os._exit, [5]).start()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/show":
            for name, value in body.items():
                setattr(State, name, value)
        elif body.get("keep_alive") == 0 and not State.holds_on:
            State.models = [name for name in State.models if name != body["model"]]
        self._send({})

    def _send(self, told: Any) -> None:
        text = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing, so that the log holds what a test wrote there."""


def _fork(kinds: str) -> None:
    """Start a grandchild for each letter: s stays in the session, o goes out of it, i ignores TERM too."""
    code = (
        "import signal, sys, time; sys.argv[1] == 'i' and signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    )
    for kind in kinds:
        words = [sys.executable, "-I", "-S", "-c", code, kind]
        subprocess.Popen(words, start_new_session=kind == "o")


def main() -> None:
    """Serves until it is ended, or does what its options say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--say", default="", help="lines for the log")
    parser.add_argument("--die", type=int, help="exit at once with this code")
    parser.add_argument("--once", type=Path, help="listen only once this file is there")
    parser.add_argument("--fork", default="", help="kinds of grandchildren")
    parser.add_argument("--ignore-term", action="store_true")
    parser.add_argument("--die-after", type=float, help="exit these seconds after it was first asked")
    chosen = parser.parse_args()
    if chosen.say:
        sys.stdout.write(chosen.say + "\n")
        sys.stdout.flush()
    if chosen.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _fork(chosen.fork)
    if chosen.die is not None:
        os._exit(chosen.die)
    while chosen.once and not chosen.once.exists():
        time.sleep(0.02)
    State.die_after = chosen.die_after
    ThreadingHTTPServer(("127.0.0.1", chosen.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
