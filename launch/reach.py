"""The data folder made ready, and who may reach the app: asked once, on a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from launch import folder
from launch.words import say

HOSTS = {"lan": "0.0.0.0", "local": "127.0.0.1"}


def ready_folder(options: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """Return the data folder, with its secrets and the answer to who may reach the app."""
    path = folder.make(options.data_dir)
    folder.check_space(path)
    env_file = path / ".env"
    folder.add_secrets(env_file, environ)
    if options.reach:
        folder.write_env(env_file, {"HOST": HOSTS[options.reach]})
    elif not (options.host or environ.get("HOST") or folder.read_env(env_file).get("HOST")):
        _ask(env_file)
    return path


def _ask(env_file: Path) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    print(say("who"))
    try:
        answer = input(say("who_choice")).strip()
    except EOFError:
        return
    folder.write_env(env_file, {"HOST": HOSTS["lan" if answer == "2" else "local"]})


def wants_mysql(path: Path, environ: Mapping[str, str]) -> bool:
    """Return whether the operator has chosen MySQL."""
    value = environ.get("DB_USE_MYSQL") or folder.read_env(path / ".env").get("DB_USE_MYSQL", "")
    return value.lower() in {"true", "1", "yes", "on"}
