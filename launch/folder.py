"""The data folder: its secrets, its lock, its space."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from launch.errors import refuse
from launch.locks import FileLock

SPACE = 200 * 2**20  # bytes that must be free
SECRETS = ("DJANGO_SECRET_KEY", "JWT_SECRET")
PLACEHOLDER = "your-secret-key-here"  # an example pasted as it stands is no secret


def make(path: Path) -> Path:
    """Return the whole path of the data folder, made if missing, for its owner alone."""
    path = path.expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise refuse("folder_failed", path=path, why=error.strerror) from error
    return path


def check_space(path: Path) -> None:
    """Raise StartError when the disk of `path` is nearly full."""
    free = shutil.disk_usage(path).free
    if free < SPACE:
        raise refuse("disk_low", path=path, free=free // 2**20)


def read_env(path: Path) -> dict[str, str]:
    """Return the names and values of an `.env` file; no file has none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return {name.strip(): _value(text) for name, sign, text in pairs if sign and not name.startswith("#")}


def _value(text: str) -> str:
    text = text.strip()
    if text[:1] in {"'", '"'}:
        return text[1:].partition(text[0])[0]
    return text.partition(" #")[0].strip()


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Put `values` into an `.env` file, whose other lines stay; only its owner may read it."""
    lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    lines = [line for line in lines if line.partition("=")[0].strip() not in values]
    lines += [f"{name}={value}" for name, value in values.items()]
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(("\n".join(lines) + "\n").encode())
        draft.replace(path)
    except OSError as error:
        raise refuse("folder_failed", path=path, why=error.strerror) from error


def add_secrets(path: Path, environ: Mapping[str, str]) -> None:
    """Generate the secrets that neither the `.env` file at `path` nor the environment has; keep them safe."""
    known = read_env(path)
    missing = [name for name in SECRETS if (environ.get(name) or known.get(name, "")) in {"", PLACEHOLDER}]
    new = {name: secrets.token_urlsafe(48) for name in missing}
    if new:
        write_env(path, new)
    with suppress(OSError):
        path.chmod(0o600)


class Occupied:
    """The mark that one app runs on a data folder, and at which address; a context.

    Entering raises StartError when another start holds the folder.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._lock = FileLock(folder / "start.lock")
        self._note = folder / "running.txt"
        self._url = url

    def __enter__(self) -> Occupied:
        if not self._lock.take():
            raise refuse("already_runs", url=self._read() or self._url)
        self._note.write_text(self._url, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def _read(self) -> str:
        return self._note.read_text(encoding="utf-8") if self._note.exists() else ""
