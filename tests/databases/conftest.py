"""A private MariaDB for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.ports import free_port

SERVER = shutil.which("mariadbd") or shutil.which("mysqld") or "/usr/sbin/mariadbd"


@pytest.fixture(scope="package")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the settings of a MariaDB that lives as long as this folder's tests."""
    folder, port = tmp_path_factory.mktemp("mariadb"), free_port()
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    plain = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    install = ["mariadb-install-db", f"--datadir={folder}/data", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, *as_root], check=True, **plain)  # type: ignore[call-overload]
    options = [
        f"--datadir={folder}/data",
        f"--socket={folder}/s",
        f"--port={port}",
        "--bind-address=127.0.0.1",
    ]
    server = subprocess.Popen([SERVER, "--no-defaults", *options, *as_root], **plain)  # type: ignore[call-overload]
    try:
        _create(folder)
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


def _create(folder: Path) -> None:
    statements = (
        "CREATE DATABASE ollama_chat CHARACTER SET utf8mb4;"
        "CREATE USER 'oc'@'127.0.0.1' IDENTIFIED BY 'oc'; GRANT ALL ON *.* TO 'oc'@'127.0.0.1';"
        "CREATE USER 'oc'@'localhost' IDENTIFIED BY 'oc'; GRANT ALL ON *.* TO 'oc'@'localhost';"
    )
    command = ["mariadb", "--no-defaults", f"--socket={folder}/s", "-uroot", "-e", statements]
    deadline = time.monotonic() + 30
    while subprocess.run(command, capture_output=True).returncode:
        assert time.monotonic() < deadline, "MariaDB did not start"
        time.sleep(0.2)
