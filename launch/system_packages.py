"""The system packages that the tests need: installed as root on Debian and Ubuntu, named elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from launch import redis_choice, venv
from launch.words import say

CHROMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SERVERS = ("mariadbd", "mysqld")
HEADERS = ("mariadb_config", "mysql_config")
# What the tests call it, what Debian calls it, and whether it is there.
PACKAGES = {
    "browser": ["chromium"],
    "mysql": ["mariadb-server", "default-libmysqlclient-dev", "pkg-config", "build-essential"],
    "gettext": ["gettext"],
    "redis": ["redis-server"],
    "compiler": ["gcc", "libc6-dev"],
    "nginx": ["nginx"],
}


def prepare() -> list[str]:
    """Install what is missing where that is possible; returns what the tests must do without."""
    missing = _missing()
    if missing:
        _install([package for name in missing for package in PACKAGES[name]])
        missing = _missing()
    if "mysql" not in missing:
        venv.prepare(["mysql_tests"])
        missing += [] if venv.has("MySQLdb") else ["mysql"]
    if "browser" in missing and _is_snap():
        print(say("chromium_snap"))
    if missing:
        print(say("left_out", what=", ".join(missing)), flush=True)
    return missing


def _missing() -> list[str]:
    there = {
        "browser": any(shutil.which(name) for name in CHROMES) and not _is_snap(),
        "mysql": any(_which(name) for name in SERVERS) and any(shutil.which(name) for name in HEADERS),
        "gettext": bool(shutil.which("xgettext") and shutil.which("msgfmt")),
        "redis": redis_choice.has_binary(),
        "compiler": bool(shutil.which("cc")),
        "nginx": bool(_which("nginx")),
    }
    return [name for name, is_there in there.items() if not is_there]


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/libexec")


def _is_snap() -> bool:
    """Return whether the only browser is Ubuntu's package that merely calls a snap."""
    found = [path for name in CHROMES if (path := shutil.which(name))]
    return bool(found) and all("snap" in path or _calls_snap(Path(path)) for path in found)


def _calls_snap(path: Path) -> bool:
    return path.stat().st_size < 4096 and b"/snap/" in path.read_bytes()


def _install(packages: list[str]) -> None:
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if not shutil.which("apt-get"):
        print(say("packages_missing", command=" ".join(packages)))
    elif os.name != "posix" or os.geteuid() != 0:
        print(say("packages_missing", command=" ".join(["sudo", *command])))
    else:
        _run_apt(command, packages)


def _run_apt(command: list[str], packages: list[str]) -> None:
    print(say("packages_installing", names=" ".join(packages)), flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    for package in packages:  # one by one: a package that a system lacks must not take the others with it
        done = subprocess.run(
            [*command[:4], "-qq", package], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["?"])[-1]
            print(say("packages_failed", names=package, why=why), flush=True)
