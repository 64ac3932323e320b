"""A private MariaDB for a test: its own folder, port and passwords."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launch.ports import free_port

SERVER = shutil.which("mariadbd") or shutil.which("mysqld") or "/usr/sbin/mariadbd"
OWN = (
    "CREATE DATABASE ollama_chat CHARACTER SET utf8mb4;"
    "CREATE USER 'oc'@'127.0.0.1' IDENTIFIED BY 'oc'; GRANT ALL ON *.* TO 'oc'@'127.0.0.1';"
    "CREATE USER 'oc'@'localhost' IDENTIFIED BY 'oc'; GRANT ALL ON *.* TO 'oc'@'localhost';"
)


@contextmanager
def running_mariadb(statements: str = OWN) -> Iterator[dict[str, str]]:
    """Yield the settings of a MariaDB in which `statements` have been run; it ends with the block."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = _start(folder, port)
        try:
            _run(folder, statements)
            yield {
                "DB_USE_MYSQL": "true",
                "DB_HOST": "127.0.0.1",
                "DB_PORT": str(port),
                "DB_USER": "oc",
                "DB_PASSWORD": "oc",
                "DB_NAME": "ollama_chat",
            }
        finally:
            server.kill()
            server.wait()


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    install = [
        "mariadb-install-db",
        f"--datadir={folder}/data",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    plain = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*install, *as_root], check=True, **plain)  # type: ignore[call-overload]
    options = [
        f"--datadir={folder}/data",
        f"--socket={folder}/s",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",  # nothing here has to outlive the power
        "--skip-log-bin",
    ]
    server: subprocess.Popen[bytes] = subprocess.Popen(
        [SERVER, "--no-defaults", *options, *as_root],
        **plain,  # type: ignore[call-overload]
    )
    return server


def _run(folder: Path, statements: str) -> None:
    command = ["mariadb", "--no-defaults", f"--socket={folder}/s", "-uroot", "-e", statements]
    deadline = time.monotonic() + 30
    while (done := subprocess.run(command, capture_output=True, text=True)).returncode:
        assert time.monotonic() < deadline, f"MariaDB did not start: {done.stderr}"
        time.sleep(0.1)
