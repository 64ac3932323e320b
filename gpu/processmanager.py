"""The process manager: starts and stops Ollama and ComfyUI on the machine with the card, when told by HTTP.

One file of the standard library alone, so that it can be copied to that machine and run there:

    python processmanager.py --config processes.toml

It touches only the services in its own file. `deploy/processmanager/` has a file for Linux and one for
Windows, and a README. The wire:

    GET  /status                               every service, and the card's memory in bytes (null: unknown)
    GET  /log?service=NAME                     the last 200 lines of what the service wrote
    POST /start|/stop|/restart?service=NAME    200 with the service once it is done
    POST /switch?service=NAME                  stops the others, then starts this one

`wait=SECONDS` bounds how long a call waits for readiness (then 504; the start goes on), `force=true` stops
a service that is computing. Errors are `{"error": code, "message": sentence}`.

What can be known about "computing": ComfyUI's `/queue` says it exactly. Ollama does not tell: `/api/ps`
lists what is loaded, busy or not. A model that is still listed after its `expires_at` is certainly
answering; one before it may or may not be. Only the app knows better, so `arbiter_url` is asked too: a
service is computing when `services.NAME.computing` is true or above 0 there, or `services.NAME.state` is
"computing". An app that does not answer stops nobody: it may be the thing that is being repaired.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hmac
import ipaddress
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

TOKEN_ENV = "PROCESS_MANAGER_TOKEN"  # noqa: S105 - the name of it
DEFAULT_PORT = 8888
LOG_LINES = 200
LOG_TAIL = 128 * 1024  # bytes that are read for them
LOG_MOST = 16 * 2**20  # bytes; a longer log is emptied
BODY_MOST = 64 * 1024  # bytes; nobody has a reason to send any
STABLE = 60.0  # seconds of readiness after which earlier failures are forgotten
LONGEST_BACKOFF = 60.0  # seconds
KILL_PATIENCE = 5.0  # seconds for the kernel to end what was killed
PROBE_TIMEOUT = 2.0  # seconds
# The app's own secrets are no business of a service, and of what is plugged into it.
WITHHELD = frozenset(
    {TOKEN_ENV, "DJANGO_SECRET_KEY", "JWT_SECRET", "DB_PASSWORD", "REDIS_URL", "REDIS_PASSWORD"}
    | {"TAVILY_API_KEY", "EMAIL_URL"}
)
MARK = "PROCESS_MANAGER_MARK"
URLS = {"ollama": "http://127.0.0.1:11434", "comfyui": "http://127.0.0.1:8188"}
READY_PATHS = {"ollama": "/api/version", "comfyui": "/system_stats"}

STOPPED, STARTING, READY, STOPPING, FAILED = "stopped", "starting", "ready", "stopping", "failed"
UP, DOWN, AS_IS = "up", "down", "as it is"
"""What is wished for: a service that shall run, that shall end, or nothing."""


# --- The file ---------------------------------------------------------------------------------------------


class ConfigError(SystemExit):
    """The file cannot be used; its text is the one line that the operator sees."""


@dataclass(frozen=True)
class ServiceConfig:
    """One service of the file; times in seconds.

    `stop_by`: "process" ends it, "unload" asks Ollama to give its memory back and lets the process be.
    `attempts`: how often in a row it is started before that is given up; `backoff` doubles between them.
    """

    name: str
    kind: str
    driver: str = "child"
    command: tuple[str, ...] = ()
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    scope: str = "system"
    url: str = ""
    ready_url: str = ""
    start_timeout: float = 120.0
    stop_timeout: float = 10.0
    attempts: int = 3
    backoff: float = 1.0
    tray: bool = False
    stop_by: str = "process"
    autostart: bool = False


@dataclass(frozen=True)
class Config:
    """The whole file; `switch_timeout` and `startup_wait` are the waits of calls that name none."""

    services: tuple[ServiceConfig, ...]
    folder: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str = ""
    stop_with_manager: bool = True
    arbiter_url: str = ""
    arbiter_token: str = ""
    switch_timeout: float = 30.0
    startup_wait: float = 30.0
    gpu: int = 0


_SERVICE_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("kind", "driver", "cwd", "unit", "scope", "url", "ready_url", "stop_by"), str),
    **dict.fromkeys(("start_timeout", "stop_timeout", "backoff"), (int, float)),
    **dict.fromkeys(("tray", "autostart"), bool),
    "command": list,
    "env": dict,
    "attempts": int,
}
_MANAGER_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("host", "token", "folder", "arbiter_url", "arbiter_token"), str),
    **dict.fromkeys(("switch_timeout", "startup_wait"), (int, float)),
    "port": int,
    "gpu": int,
    "stop_with_manager": bool,
}


def load(
    path: Path, environ: Mapping[str, str] = os.environ, defaults: Mapping[str, float] | None = None
) -> Config:
    """Return what the file says, over `defaults`; PROCESS_MANAGER_TOKEN wins over it. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            told = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}.") from None
    _refuse_strangers(told, {"manager", "services"}, str(path))
    manager, services = _table(told, "manager"), _table(told, "services")
    _check_types(manager, _MANAGER_TYPES, "[manager]")
    if not services:
        raise ConfigError(f"{path} names no service: it needs a table such as [services.ollama].")
    base = path.resolve().parent
    about = {**(defaults or {}), **{name: value for name, value in manager.items() if name != "folder"}}
    about["token"] = environ.get(TOKEN_ENV) or about.get("token", "")
    parsed = tuple(_read_service(name, _table(services, name), base) for name in services)
    return Config(services=parsed, folder=base / manager.get("folder", "processmanager"), **about)


def check_reach(config: Config) -> None:
    """Raise ConfigError when others could reach the manager without a token."""
    if not config.token and not is_loopback(config.host):
        raise ConfigError(
            f"host = {config.host!r} lets other machines in, so a token is needed: "
            f"set {TOKEN_ENV} or token in [manager]."
        )


def is_loopback(host: str) -> bool:
    """Return whether the name or address is this machine's own loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _table(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = told.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name} must be a table.")
    return table


def _refuse_strangers(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise ConfigError(
            f"{where}: {', '.join(unknown)} is not known; known are {', '.join(sorted(known))}."
        )


def _check_types(table: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    _refuse_strangers(table, types, where)
    for name, value in table.items():
        # TOML's true would pass for a number in Python
        if not isinstance(value, types[name]) or (isinstance(value, bool) and types[name] is not bool):
            raise ConfigError(f"{where}: {name} = {value!r} has the wrong type.")


def _read_service(name: str, table: Mapping[str, Any], base: Path) -> ServiceConfig:
    where = f"[services.{name}]"
    if not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
        raise ConfigError(f"{where}: a service's name has a-z, 0-9, _ and - alone.")
    _check_types(table, _SERVICE_TYPES, where)
    kind = table.get("kind", name if name in URLS else "other")
    about = {key: value for key, value in table.items() if key not in {"kind", "command", "cwd", "url"}}
    url = table.get("url", URLS.get(kind, "")).rstrip("/")
    about.setdefault("ready_url", url + READY_PATHS[kind] if url and kind in READY_PATHS else "")
    # Ollama's tray app on Windows starts a server again that somebody ended.
    respawns = kind == "ollama" and sys.platform == "win32" and not table.get("tray")
    about.setdefault("stop_by", "unload" if respawns else "process")
    command = tuple(table.get("command", ()))
    cwd = str(base / table["cwd"]) if table.get("cwd") else ""
    service = ServiceConfig(name=name, kind=kind, command=command, cwd=cwd, url=url, **about)
    _check_service(service, where)
    return service


def _check_service(service: ServiceConfig, where: str) -> None:
    strings = [*service.command, *service.env.values()]
    wrong = {
        'kind is "ollama", "comfyui" or "other"': service.kind not in {*URLS, "other"},
        'driver is "child" or "systemd"': service.driver not in {"child", "systemd"},
        'scope is "system" or "user"': service.scope not in {"system", "user"},
        'stop_by is "process" or "unload"': service.stop_by not in {"process", "unload"},
        'stop_by = "unload" is for Ollama alone': service.stop_by == "unload" and service.kind != "ollama",
        "command is a list of the program and its arguments": service.driver == "child"
        and not service.command,
        "command and env hold texts": not all(isinstance(text, str) for text in strings),
        "unit is a name such as ollama.service": service.driver == "systemd"
        and not re.fullmatch(r"[A-Za-z0-9_.@:][A-Za-z0-9_.@:\\-]*", service.unit),
        "attempts is at least 1": service.attempts < 1,
        "times are above 0": min(service.start_timeout, service.stop_timeout, service.backoff) <= 0,
    }
    for rule, broken in wrong.items():
        if broken:
            raise ConfigError(f"{where}: {rule}.")


# --- Asking the services ----------------------------------------------------------------------------------

# A proxy of the environment is not meant for a service at home.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, *, body: Any = None, token: str = "", timeout: float = PROBE_TIMEOUT) -> Any:
    """Return a service's JSON (None where it is none). Raises OSError when there is no good answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - the operator's own address
    try:
        with _opener.open(request, timeout=timeout) as response:
            text = response.read(4 * 2**20)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error from None
    except (HTTPException, ValueError) as error:
        raise OSError(f"what answers at {url} does not speak HTTP: {error}") from error
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return None


def answers(url: str) -> bool:
    """Return whether something answers there with a good status."""
    with contextlib.suppress(OSError):
        ask(url)
        return True
    return False


def why_computing(service: ServiceConfig, config: Config) -> str:
    """Return why the service must not be stopped now, "" when nothing is known against it."""
    with contextlib.suppress(OSError, LookupError, ValueError, TypeError, AttributeError):
        if service.kind == "comfyui" and (why := _why_drawing(ask(f"{service.url}/queue"))):
            return why
        if service.kind == "ollama" and (why := _why_answering(ask(f"{service.url}/api/ps"))):
            return why
    with contextlib.suppress(OSError, LookupError, ValueError, TypeError, AttributeError):
        return _why_leased(service.name, config)
    return ""


def _why_drawing(queue: Any) -> str:
    running, waiting = len(queue["queue_running"]), len(queue["queue_pending"])
    if not running and not waiting:
        return ""
    return f"ComfyUI is drawing: {running} running, {waiting} waiting."


def _why_answering(told: Any) -> str:
    for model in told["models"]:
        expires_at = _read_time(str(model.get("expires_at", "")))
        if expires_at and expires_at < time.time() - 1:
            return f"Ollama is answering with {model.get('name')}."
    return ""


def _read_time(text: str) -> float:
    """Return the seconds since 1970 of RFC 3339 with nanoseconds; 0 when it cannot be read."""
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text)).timestamp()
    return 0.0


def _why_leased(name: str, config: Config) -> str:
    if not config.arbiter_url:
        return ""
    told = ask(config.arbiter_url, token=config.arbiter_token)["services"].get(name, {})
    leased = bool(told.get("computing")) or told.get("state") == "computing"
    return f"The app says that {name} is computing." if leased else ""


def unload(service: ServiceConfig, timeout: float) -> None:
    """Make Ollama give all of its memory back. Raises StopError when it does not in `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            models = [str(model["name"]) for model in ask(f"{service.url}/api/ps")["models"]]
            if not models:
                return
            for model in models:
                ask(f"{service.url}/api/generate", body={"model": model, "keep_alive": 0}, timeout=timeout)
        except ConnectionRefusedError:
            return  # nobody is there to hold any
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StopError(f"did not understand that it shall unload: {error}") from error
        if time.monotonic() > deadline:
            raise StopError(f"still holds {', '.join(models)} after {timeout:g} s")
        time.sleep(0.1)


# --- Processes --------------------------------------------------------------------------------------------


class StartError(Exception):
    """It could not be started; the text is for people."""


class StopError(Exception):
    """It would not end; the text is for people."""


def born(pid: int) -> str:
    """Return what tells this process from a later one of the same id, "" when there is none or it is dead."""
    if sys.platform == "win32":
        return _born_on_windows(pid)
    if Path("/proc/self/stat").exists():
        stat = _stat(pid)
        return f"{_boot()}:{stat.born}" if stat else ""
    told = _run(["ps", "-o", "stat=,lstart=", "-p", str(pid)]).strip()
    return "" if not told or told.startswith("Z") else " ".join(told.split()[1:])


@dataclass(frozen=True)
class _Stat:
    pid: int
    parent: int
    session: int
    born: str


def _stat(pid: int) -> _Stat | None:
    """Return what /proc says about a process; None when it is gone, or only its parent knows of it yet."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()  # the name before may hold anything
    return None if fields[0] in "ZX" else _Stat(pid, int(fields[1]), int(fields[3]), fields[19])


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _born_on_windows(pid: int) -> str:
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return ""
        handle = ctypes.c_void_p(handle)
        times = [ctypes.c_ulonglong() for _ in range(4)]
        code = ctypes.c_ulong()
        try:
            kernel.GetProcessTimes(handle, *(ctypes.byref(one) for one in times))
            kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        finally:
            kernel.CloseHandle(handle)
        return str(times[0].value) if code.value == 259 else ""  # STILL_ACTIVE
    return ""


def _run(command: list[str], timeout: float = 10.0) -> str:
    """Return what a tool of the system wrote, "" when it is not there or fails."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command, capture_output=True, text=True, timeout=timeout, check=False, errors="replace"
        )
        return done.stdout if done.returncode == 0 else ""
    return ""


def tree(leader: int, mark: str) -> list[int]:
    """Return the living processes of a service, on Linux: its session, its descendants, and all that carry
    its mark in their environment, which holds for those that made themselves a session of their own.
    """
    stats = [stat for stat in map(_stat, _pids()) if stat]
    found = {
        stat.pid for stat in stats if stat.session == leader or stat.pid == leader or _has(stat.pid, mark)
    }
    before = -1
    while before != len(found):
        before = len(found)
        found |= {stat.pid for stat in stats if stat.parent in found}
    return sorted(found - {os.getpid()})


def _pids() -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _has(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def _until(done: Callable[[], bool], timeout: float, pause: float = 0.05) -> bool:
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


class Driver(Protocol):
    """How a service's process is held."""

    pid: int | None
    ours: bool
    """Whether failures are ours to try again; systemd does so itself."""

    def find(self) -> bool:
        """Return whether it already runs, and hold it then."""

    def start(self) -> None:
        """Begin; readiness is looked for elsewhere. Raises StartError."""

    def alive(self) -> bool:
        """Return whether what was started or found still runs."""

    def how_ended(self) -> str:
        """Return a predicate in plain words: "exited with code 3"."""

    def stop(self) -> None:
        """End it, and all that it started; return when that is so. Raises StopError."""

    def sweep(self) -> None:
        """End what is left of it, once `alive` has said that it is gone."""

    def log(self) -> list[str]:
        """Return the last lines that it wrote."""


class ChildDriver:
    """A child of ours: a session of its own on POSIX, a process group on Windows.

    It writes its log itself, straight into a file, so that it can outlive us; a file with its id and the
    moment of its birth lets the next manager recognise it.
    """

    ours = True

    def __init__(self, service: ServiceConfig, folder: Path) -> None:
        self.pid: int | None = None
        self._service = service
        self._log = folder / f"{service.name}.log"
        self._note = folder / f"{service.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._born = self._mark = ""

    def find(self) -> bool:
        try:
            told = json.loads(self._note.read_text(encoding="utf-8"))
            pid, then, self._mark = int(told["pid"]), str(told["born"]), str(told["mark"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if not then or born(pid) != then:
            self._end_rest(pid, trust=False)
            return False
        self.pid, self._born = pid, then
        return True

    def start(self) -> None:
        self._mark = secrets.token_hex(8)
        self._log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._process = self._spawn(log.fileno())
        self.pid = self._process.pid
        self._born = born(self.pid)
        note = {"pid": self.pid, "born": self._born, "mark": self._mark}
        self._note.write_text(json.dumps(note), encoding="utf-8")

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        service = self._service
        inherited = {name: value for name, value in os.environ.items() if name not in WITHHELD}
        environ = {"PYTHONUNBUFFERED": "1"} | inherited | dict(service.env) | {MARK: self._mark}
        flags: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        try:
            return subprocess.Popen(  # noqa: S603 - a list of the operator's, no shell
                service.command,
                cwd=service.cwd or None,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **flags,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise StartError(f"could not be started: {service.command[0]}: {why}") from error

    def alive(self) -> bool:
        self._shorten_log()
        if self._process is not None:
            return self._process.poll() is None
        return self.pid is not None and born(self.pid) == self._born

    def how_ended(self) -> str:
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return "ended"
        if code >= 0:
            return f"exited with code {code}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"

    def stop(self) -> None:
        if sys.platform == "win32":
            self._stop_on_windows()
        elif self.pid is not None:
            self._stop_tree(self.pid)
        self._forget()

    def _stop_tree(self, leader: int) -> None:
        lives = self.alive()
        if lives:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGTERM)
        for pid in self._rest(leader, trust=True):
            _signal(pid, signal.SIGTERM)
        if not _until(lambda: not self._living(leader), self._service.stop_timeout):
            self._kill(leader)
        self._end_rest(leader, trust=True)

    def _living(self, leader: int) -> bool:
        return self.alive() or bool(self._rest(leader, trust=True))

    def _kill(self, leader: int) -> None:
        """End what did not listen; look again, for something may have forked just then."""

        def all_gone() -> bool:
            if self.alive():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(leader, signal.SIGKILL)
            for pid in self._rest(leader, trust=True):
                _signal(pid, signal.SIGKILL)
            return not self._living(leader)

        if not _until(all_gone, KILL_PATIENCE):
            left = ", ".join(map(str, self._rest(leader, trust=True) or [leader]))
            raise StopError(f"would not end, though it was killed; left are the processes {left}")

    def _rest(self, leader: int, *, trust: bool) -> list[int]:
        """Return the living processes of the tree; without `trust` the leader's id may be another's now."""
        return (
            tree(leader if trust else -1, self._mark)
            if self._mark and Path("/proc/self/stat").exists()
            else []
        )

    def _end_rest(self, leader: int, *, trust: bool) -> None:
        """End what a leader that died has left: it would hold the card and the port."""
        if sys.platform != "win32" and not Path("/proc/self/stat").exists() and trust:
            with contextlib.suppress(OSError):
                os.killpg(leader, signal.SIGKILL)

        def all_gone() -> bool:
            rest = self._rest(leader, trust=trust)
            for pid in rest:
                _signal(pid, signal.SIGKILL)
            return not rest

        _until(all_gone, KILL_PATIENCE)

    def sweep(self) -> None:
        """End what is left of a service whose first process is gone."""
        if self.pid is not None:
            self._end_rest(self.pid, trust=True)
        self._forget()

    def _stop_on_windows(self) -> None:
        whom = ["/PID", str(self.pid)]
        if self._service.tray:
            whom = ["/IM", Path(self._service.command[0]).name]
        elif self.pid is None:
            return
        _run(["taskkill", "/T", "/F", *whom], timeout=30)
        if self.pid is not None and not _until(lambda: not self.alive(), KILL_PATIENCE, 0.1):
            raise StopError(f"would not end, though it was killed; left is the process {self.pid}")

    def _forget(self) -> None:
        self.pid = None
        with contextlib.suppress(OSError):
            self._note.unlink()

    def _shorten_log(self) -> None:
        with contextlib.suppress(OSError):
            if sys.platform != "win32" and self._log.stat().st_size > LOG_MOST:
                os.truncate(self._log, 0)  # it is appended to, so its writer goes on at the new end

    def log(self) -> list[str]:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - LOG_TAIL, 0))
            return _lines(file.read().decode(errors="replace"))
        return []


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _lines(text: str) -> list[str]:
    """Return the last lines without colours; of a progress bar its newest state."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
    return [line.rstrip("\r").rpartition("\r")[2] for line in plain.rstrip("\n").split("\n") if plain][
        -LOG_LINES:
    ]


class SystemdDriver:
    """A unit of systemd's, which also starts it again after a crash if the unit says so."""

    ours = False

    def __init__(self, service: ServiceConfig) -> None:
        self.pid: int | None = None
        self._service = service
        self._scope = f"--{service.scope}"

    def _show(self) -> dict[str, str]:
        names = "ActiveState,MainPID,Result,ExecMainStatus"
        told = _run(["systemctl", self._scope, "show", "--property", names, self._service.unit])
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def find(self) -> bool:
        return self.alive()

    def start(self) -> None:
        self._order("start", StartError)

    def alive(self) -> bool:
        told = self._show()
        self.pid = int(told.get("MainPID", "").strip() or 0) or None
        return told.get("ActiveState") in {"active", "activating", "reloading"}

    def how_ended(self) -> str:
        told = self._show()
        return f"ended ({told.get('Result', 'unknown')}, code {told.get('ExecMainStatus', 'unknown')})"

    def stop(self) -> None:
        self._order("stop", StopError)
        if not _until(
            lambda: self._show().get("ActiveState") in {"inactive", "failed"}, self._service.stop_timeout, 0.1
        ):
            raise StopError(f"would not end in {self._service.stop_timeout:g} s")
        self.pid = None

    def _order(self, verb: str, failure: type[StartError | StopError]) -> None:
        done_word = "stopped" if verb == "stop" else "started"
        block = ["--no-block"] if verb == "stop" else []  # systemd has a patience of its own there
        words = ["systemctl", self._scope, *block, "--no-ask-password", verb, self._service.unit]
        try:
            done = subprocess.run(  # noqa: S603
                words,
                capture_output=True,
                text=True,
                timeout=self._service.start_timeout,
                check=False,
                errors="replace",
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise failure(f"could not be {done_word}: systemctl does not work here: {error}") from error
        if done.returncode:
            why = done.stderr.strip()[:300].rstrip(".")
            raise failure(f"could not be {done_word}: systemctl {verb} was refused: {why}")

    def sweep(self) -> None:
        """Nothing: systemd ends what a unit leaves."""

    def log(self) -> list[str]:
        words = ["journalctl", f"{self._scope}", "--unit", self._service.unit]
        if self._service.scope == "user":
            words = ["journalctl", "--user", "--user-unit", self._service.unit]
        return _lines(_run([*words, "--lines", str(LOG_LINES), "--output", "cat", "--no-pager"]))


def make_driver(service: ServiceConfig, folder: Path) -> Driver:
    """Return the driver that the file asks for."""
    return SystemdDriver(service) if service.driver == "systemd" else ChildDriver(service, folder)


# --- A service --------------------------------------------------------------------------------------------


class CallError(Exception):
    """A call that cannot be answered with success: `code` is stable, the text a sentence for people."""

    def __init__(self, status: HTTPStatus, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Snapshot:
    """What a service is like now. `foreign`: it answers, but we did not start it."""

    state: str = STOPPED
    reason: str = ""
    since: float = 0.0
    pid: int | None = None
    restarts: int = 0
    ready: bool = False
    foreign: bool = False


class Service:
    """One service, kept by one thread: calls leave a wish, the keeper alone touches the process.

    `turn` serialises the calls that change it; `snapshot` never waits.
    """

    def __init__(self, config: ServiceConfig, folder: Path) -> None:
        self.config = config
        self.snapshot = Snapshot(since=time.time())
        self.turn = threading.Lock()
        self._driver = make_driver(config, folder)
        self._changed = threading.Condition()
        self._wish = AS_IS
        self._asked = self._heard = 0
        self._stop_failed = ""
        self._failures = 0
        self._next_try = self._begun = self._ready_at = self._looked_at = 0.0
        self._closing = False
        self._keeper = threading.Thread(target=self._keep, name=f"keep {config.name}", daemon=True)

    # What callers use

    def open(self) -> None:
        """Find what runs already and begin to keep it."""
        if self._driver.find():
            self._wish, self._begun = UP, time.monotonic()
            self._set(STARTING, "found running, its readiness is being looked for")
        self._keeper.start()
        if self.config.autostart:
            self._leave(UP)

    def close(self, *, stop: bool) -> None:
        """End the keeper, and with `stop` the process too, unless it belongs to systemd."""
        self._closing = True
        self._poke()
        self._keeper.join()
        if stop and self._driver.ours and self._driver.pid is not None:
            with contextlib.suppress(StopError):
                self._driver.stop()

    def start(self, wait: float) -> None:
        """Return when it is ready. Raises CallError when it is not within `wait` seconds."""
        number = self._leave(UP)
        if not self._wait(lambda: self._heard >= number and self._start_is_decided(), wait):
            text = f"{self.config.name} is not ready after {wait:g} s{self._last_words()}."
            raise CallError(HTTPStatus.GATEWAY_TIMEOUT, "not_ready", text)
        if not self.snapshot.ready:
            text = f"{self.config.name} {self.snapshot.reason}."
            raise CallError(HTTPStatus.GATEWAY_TIMEOUT, "start_failed", text)

    def stop(self) -> None:
        """Return when it has ended, or given its memory back. Raises CallError."""
        number = self._leave(DOWN)
        patience = self.config.stop_timeout + KILL_PATIENCE + 35
        ended = self._wait(lambda: self._heard >= number and self._wish != DOWN, patience)
        if not ended or self._stop_failed:
            text = f"{self.config.name} {self._stop_failed or 'is still being stopped'}."
            raise CallError(HTTPStatus.GATEWAY_TIMEOUT, "stop_failed", text)

    def check_stoppable(self) -> None:
        """Raise CallError for what was not started from our file: it is not ours to end."""
        if self.snapshot.foreign and self.config.stop_by == "process" and not self.config.tray:
            text = f"{self.config.name} was not started by the process manager, so it does not stop it."
            raise CallError(HTTPStatus.CONFLICT, "not_ours", text)

    def runs(self) -> bool:
        """Return whether there may be something to stop."""
        now = self.snapshot
        return now.state not in {STOPPED, FAILED} or now.pid is not None or self._wish == UP

    def log(self) -> list[str]:
        """Return the last lines that it wrote."""
        return self._driver.log()

    # The two sides meet here

    def _leave(self, wish: str) -> int:
        with self._changed:
            self._asked += 1
            self._wish = wish
            if wish == UP:
                self._failures, self._next_try, self._looked_at = 0, 0.0, -1e9
            self._changed.notify_all()
            return self._asked

    def _poke(self) -> None:
        with self._changed:
            self._asked += 1
            self._changed.notify_all()

    def _wait(self, done: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(done, seconds)

    def _start_is_decided(self) -> bool:
        return self.snapshot.ready or (self.snapshot.state == FAILED and self._wish != UP)

    def _set(self, state: str, reason: str = "", *, foreign: bool = False, ready: bool | None = None) -> None:
        with self._changed:
            before = self.snapshot
            self.snapshot = replace(
                before,
                state=state,
                reason=reason,
                since=before.since if before.state == state else time.time(),
                pid=self._driver.pid,
                ready=state == READY if ready is None else ready,
                foreign=foreign,
            )
            self._changed.notify_all()

    # The keeper

    def _keep(self) -> None:
        while not self._closing:
            number = self._asked
            pause = self._step_safely()
            with self._changed:
                self._heard = number
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._asked != number or self._closing, pause)  # noqa: B023

    def _step_safely(self) -> float:
        try:
            return self._step()
        except Exception as error:  # noqa: BLE001 - a keeper that died would leave its service without one
            self._fail(f"could not be looked after: {type(error).__name__}: {error}")
            return 1.0

    def _step(self) -> float:
        """Do what is next; return the seconds until it is worth looking again."""
        if self._wish == DOWN:
            return self._end()
        if self.snapshot.state == STARTING:
            return self._watch_start()
        if self.snapshot.state == READY:
            return self._watch()
        return self._begin() if self._wish == UP else self._look_around()

    def _end(self) -> float:
        self._stop_failed = ""
        state = self.snapshot.state
        unloading = self.config.stop_by == "unload" and state in {STARTING, READY}
        try:
            if unloading:
                unload(self.config, self.config.stop_timeout)
                self._set(state, "holds no model; its process goes on", foreign=self.snapshot.foreign)
            elif self._driver.pid is not None or self.config.tray or not self._driver.ours:
                self._set(STOPPING)
                self._driver.stop()
        except StopError as error:
            self._stop_failed = str(error)
        self._settle_end(unloading=unloading)
        return 5.0

    def _settle_end(self, *, unloading: bool) -> None:
        with self._changed:
            if self._wish == DOWN:
                self._wish = UP if unloading and not self.snapshot.foreign else AS_IS
            if unloading:
                return
            self._set(FAILED if self._stop_failed else STOPPED, self._stop_failed)

    def _begin(self) -> float:
        if time.monotonic() < self._next_try:
            return self._next_try - time.monotonic()
        if self.config.ready_url and answers(self.config.ready_url):
            self._found_foreign()
            return 1.0
        if self._failures:
            self.snapshot = replace(self.snapshot, restarts=self.snapshot.restarts + 1)
        self._begun = time.monotonic()
        self._set(STARTING)
        try:
            self._driver.start()
        except StartError as error:
            self._fail(str(error))
        else:
            self._set(STARTING)  # now with its id
        return 0.05

    def _watch_start(self) -> float:
        lasted = time.monotonic() - self._begun
        if not self._driver.alive():
            when = "at once" if lasted < 5 else f"after {lasted:.0f} s, before it was ready"
            self._fail(
                f"{self._driver.how_ended()}".replace("exited", f"exited {when}", 1) + self._last_words()
            )
        elif self._is_ready(lasted):
            self._ready_at = self._looked_at = time.monotonic()
            self._set(READY)
        elif lasted > self.config.start_timeout:
            self._give_up_start()
        return min(0.05 + lasted / 20, 0.5)

    def _is_ready(self, lasted: float) -> bool:
        return answers(self.config.ready_url) if self.config.ready_url else lasted > 1

    def _give_up_start(self) -> None:
        why = f"did not answer at {self.config.ready_url} within {self.config.start_timeout:g} s"
        with contextlib.suppress(StopError):
            self._driver.stop()
        self._fail(why + self._last_words())

    def _watch(self) -> float:
        """Look after what is ready: whether it lives every second, whether it answers every five."""
        foreign = self.snapshot.foreign
        if not foreign and not self._driver.alive():
            lasted = time.monotonic() - self._ready_at
            self._fail(f"{self._driver.how_ended()} after {lasted:.0f} s of readiness{self._last_words()}")
            return 0.0
        if self._failures and time.monotonic() - self._ready_at > STABLE:
            self._failures = 0
        if time.monotonic() - self._looked_at > 5 and self.config.ready_url:
            self._looked_at = time.monotonic()
            self._note_answer(foreign=foreign)
        return 1.0

    def _note_answer(self, *, foreign: bool) -> None:
        if answers(self.config.ready_url):
            if foreign:
                self._found_foreign()
            elif not self.snapshot.ready:
                self._set(READY)
        elif foreign:
            self._set(STOPPED)
        else:
            self._set(READY, "runs, but does not answer", ready=False)

    def _look_around(self) -> float:
        """While nothing is wished for: see whether somebody else started it."""
        if not self._driver.ours and self._driver.find():
            self._wish, self._begun = UP, time.monotonic()
            self._set(STARTING, "was started by systemd")
            return 0.0
        if self.config.ready_url and answers(self.config.ready_url):
            self._found_foreign()
        return 5.0

    def _found_foreign(self) -> None:
        """Count it as ready, but don't start it again once it ends: whoever started it may want that."""
        self._looked_at = self._ready_at = time.monotonic()
        with self._changed:
            self._wish = AS_IS if self._wish == UP else self._wish
            self._set(READY, "was already running; the process manager did not start it", foreign=True)

    def _fail(self, why: str) -> None:
        """Note a failure; try again after a while that grows, unless it was tried enough."""
        self._driver.sweep()
        self._failures += 1
        with self._changed:
            if self._wish != UP or not self._driver.ours or self._failures >= self.config.attempts:
                tried = f" (tried {self._failures} times)" if self._failures > 1 else ""
                self._wish = AS_IS if self._wish == UP else self._wish
                self._set(FAILED, why + tried)
                return
            pause = min(self.config.backoff * 2 ** (self._failures - 1), LONGEST_BACKOFF)
            self._next_try = time.monotonic() + pause
            self._set(FAILED, f"{why}; it is tried again in {pause:g} s")

    def _last_words(self) -> str:
        line = next((line.strip() for line in reversed(self._driver.log()) if line.strip()), "")
        return f": {line[:300]}" if line else ""


# --- The card's memory ------------------------------------------------------------------------------------


class _NvmlMemory(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class Card:
    """The card's memory by NVML's library, else by nvidia-smi, read in a thread: a driver may hang."""

    MOST_AGE = 1.0  # seconds

    def __init__(self, index: int = 0) -> None:
        self._index = index
        self._newest: dict[str, int] | None = None
        self._read_at = -1e9
        self._reading = threading.Lock()
        self._nvml: Any = None

    def memory(self) -> dict[str, int] | None:
        """Return total, used and free bytes, at most a few seconds old; None when nothing can tell."""
        if time.monotonic() - self._read_at > self.MOST_AGE and self._reading.acquire(blocking=False):
            reader = threading.Thread(target=self._refresh, name="card", daemon=True)
            reader.start()
            reader.join(0.3)
        return self._newest

    def _refresh(self) -> None:
        try:
            self._newest = self._by_nvml() or self._by_tool()
        finally:
            self._read_at = time.monotonic()
            self._reading.release()

    def _by_nvml(self) -> dict[str, int] | None:
        handle, memory = ctypes.c_void_p(), _NvmlMemory()
        try:
            nvml = self._nvml = self._nvml or _load_nvml()
            failed = nvml.nvmlDeviceGetHandleByIndex_v2(self._index, ctypes.byref(handle))
            failed = failed or nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
        except (OSError, AttributeError):
            return None
        if failed:
            self._nvml = None  # after an update of the driver the library must be opened anew
            return None
        return {"total": memory.total, "used": memory.used, "free": memory.free}

    def _by_tool(self) -> dict[str, int] | None:
        tool = shutil.which("nvidia-smi")
        if tool is None:
            return None
        query = ["--query-gpu=memory.total,memory.used,memory.free", "--format=csv,noheader,nounits"]
        told = _run([tool, f"--id={self._index}", *query])
        with contextlib.suppress(ValueError):
            total, used, free = (int(part) * 2**20 for part in told.strip().split(","))
            return {"total": total, "used": used, "free": free}
        return None


def _load_nvml() -> Any:
    nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    if nvml.nvmlInit_v2():
        raise OSError("NVML has no driver")
    return nvml


# --- All of them ------------------------------------------------------------------------------------------


class ProcessManager:
    """The services of one file, and the calls that people make."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.services = {one.name: Service(one, config.folder) for one in config.services}
        self._card = Card(config.gpu)

    def open(self) -> None:
        """Recognise what runs already, and begin to keep all of it."""
        for service in self.services.values():
            service.open()

    def close(self) -> None:
        """End the keepers, and the children too if the file says so."""
        closers = [
            threading.Thread(target=service.close, kwargs={"stop": self.config.stop_with_manager})
            for service in self.services.values()
        ]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

    def find(self, name: str) -> Service:
        """Return a service of the file. Raises CallError."""
        if name not in self.services:
            text = f"There is no service {name!r}; there are: {', '.join(self.services)}."
            raise CallError(HTTPStatus.NOT_FOUND, "unknown_service", text)
        return self.services[name]

    def status(self) -> dict[str, Any]:
        """Return the answer of /status; waits for no service."""
        services = {name: describe(service) for name, service in self.services.items()}
        return {"services": services, "vram": self._card.memory()}

    def log(self, name: str) -> dict[str, Any]:
        """Return the answer of /log."""
        return {"service": name, "lines": self.find(name).log()}

    def start(self, name: str, wait: float, *, force: bool) -> dict[str, Any]:
        """Return the service once it is ready. `force` changes nothing. Raises CallError."""
        service = self.find(name)
        with self._turns(wait, service):
            service.start(wait)
        return describe(service)

    def stop(self, name: str, wait: float, *, force: bool) -> dict[str, Any]:
        """Return the service once it has ended. Raises CallError, also while it computes unless `force`."""
        service = self.find(name)
        with self._turns(wait, service):
            self._check(service, force=force)
            service.stop()
        return describe(service)

    def restart(self, name: str, wait: float, *, force: bool) -> dict[str, Any]:
        """Return the service once it has ended and is ready again. Raises CallError."""
        service = self.find(name)
        with self._turns(wait, service):
            self._check(service, force=force)
            service.stop()
            service.start(wait)
        return describe(service)

    def switch(self, name: str, wait: float, *, force: bool) -> dict[str, Any]:
        """Return the service once the others have ended and it is ready. Raises CallError.

        Nothing is stopped unless all that must be may be; a start that fails leaves the others stopped.
        """
        service = self.find(name)
        with self._turns(wait, *self.services.values()):
            others = [one for one in self.services.values() if one is not service and one.runs()]
            for other in others:
                self._check(other, force=force)
            for other in others:
                other.stop()
            service.start(wait)
        return describe(service)

    def _check(self, service: Service, *, force: bool) -> None:
        if not service.runs():
            return
        service.check_stoppable()
        if not force and (why := why_computing(service.config, self.config)):
            raise CallError(HTTPStatus.CONFLICT, "computing", why)

    @contextlib.contextmanager
    def _turns(self, wait: float, *services: Service) -> Iterator[None]:
        """Hold the turns of these services, always taken in one order; waits for earlier calls."""
        deadline = time.monotonic() + max(wait, 0.1)
        with contextlib.ExitStack() as held:
            for service in sorted(services, key=lambda one: one.config.name):
                if not service.turn.acquire(timeout=max(deadline - time.monotonic(), 0.01)):
                    text = f"Another call still works on {service.config.name}."
                    raise CallError(HTTPStatus.CONFLICT, "in_progress", text)
                held.callback(service.turn.release)
            yield


def describe(service: Service) -> dict[str, Any]:
    """Return a service as the wire has it; `since` in UTC."""
    now = service.snapshot
    return {
        "name": service.config.name,
        "kind": service.config.kind,
        "driver": service.config.driver,
        "state": now.state,
        "reason": now.reason,
        "ready": now.ready,
        "ours": not now.foreign,
        "pid": now.pid,
        "since": datetime.fromtimestamp(now.since, UTC).isoformat(timespec="milliseconds"),
        "restarts": now.restarts,
    }


# --- HTTP -------------------------------------------------------------------------------------------------

READS = ("/status", "/log")
CHANGES = ("/switch", "/start", "/stop", "/restart")


class Server(ThreadingHTTPServer):
    """The socket; bound as soon as it is made. Port 0 takes any free one."""

    daemon_threads = True
    block_on_close = False
    # On Windows it would let a second manager listen at the same address
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, manager: ProcessManager) -> None:
        self.manager = manager
        config = manager.config
        self.address_family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        super().__init__((config.host, config.port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nobody's trouble."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "processmanager"
    sys_version = ""
    timeout = 30  # seconds for a client that says nothing

    def __getattr__(self, name: str) -> Any:
        """Every method comes here, known or not, so that a wrong one is told so in JSON."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        try:
            self._read_body()
            self._authorise()
            status, told = HTTPStatus.OK, self._call()
        except CallError as error:
            status, told = error.status, {"error": error.code, "message": str(error)}
        except Exception as error:  # noqa: BLE001 - the caller gets JSON whatever happens, and we go on
            self.log_error("%s: %s", type(error).__name__, error)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            told = {
                "error": "broken",
                "message": "The process manager made a mistake; its output says which.",
            }
        self._send(status, told)

    def _read_body(self) -> None:
        """Bodies mean nothing here, but must be out of the way of the next request."""
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > BODY_MOST or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise CallError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "A call here needs no body.")
        self.rfile.read(int(size))

    def _authorise(self) -> None:
        token = self.server.manager.config.token
        if token:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
            # headers were read as Latin-1, whatever they are
            if not hmac.compare_digest(given.encode("latin-1", "replace"), token.encode()):
                raise CallError(HTTPStatus.UNAUTHORIZED, "unauthorized", "The token is missing or wrong.")
            return
        # Without a token a page in a browser could reach us, under a name that it points at this machine.
        host = urlsplit("//" + self.headers.get("Host", "")).hostname or ""
        if "Origin" in self.headers or not is_loopback(host):
            text = "Without a token only programs on this machine are served, and no pages in a browser."
            raise CallError(HTTPStatus.FORBIDDEN, "forbidden", text)

    def _call(self) -> dict[str, Any]:
        path, query = urlsplit(self.path).path.rstrip("/"), parse_qs(urlsplit(self.path).query)
        if path not in READS + CHANGES:
            raise CallError(HTTPStatus.NOT_FOUND, "not_found", f"There is nothing at {path or '/'}.")
        allowed = "GET" if path in READS else "POST"
        if self.command != allowed:
            raise CallError(HTTPStatus.METHOD_NOT_ALLOWED, "wrong_method", f"{path} is for {allowed}.")
        manager, name = self.server.manager, query.get("service", [""])[-1]
        if path == "/status":
            return manager.status()
        if path == "/log":
            return manager.log(name)
        config = manager.config
        default = config.switch_timeout if path == "/switch" else config.startup_wait
        change = getattr(manager, path.removeprefix("/"))
        told: dict[str, Any] = change(name, _read_wait(query, default), force=_read_force(query))
        return told

    def _send(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        body = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST" if self.command == "GET" else "GET")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no HTTP at all gets JSON too."""
        self.close_connection = True
        # the parser may have failed before it knew these
        self.command, self.request_version = getattr(self, "command", None) or "GET", "HTTP/1.1"
        self._send(HTTPStatus(code), {"error": "bad_request", "message": message or "This is no HTTP."})

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Changes are worth a line, looks are not."""
        if self.command == "POST":
            super().log_request(code, size)


def _read_wait(query: Mapping[str, list[str]], default: float) -> float:
    text = query.get("wait", [""])[-1]
    try:
        wait = float(text) if text else default
    except ValueError:
        wait = -1
    if not 0 <= wait <= 3600:
        raise CallError(HTTPStatus.BAD_REQUEST, "bad_request", "wait is a number of seconds from 0 to 3600.")
    return wait


def _read_force(query: Mapping[str, list[str]]) -> bool:
    text = query.get("force", ["false"])[-1].lower()
    if text not in {"true", "false", "1", "0"}:
        raise CallError(HTTPStatus.BAD_REQUEST, "bad_request", "force is true or false.")
    return text in {"true", "1"}


# --- The program ------------------------------------------------------------------------------------------


def serve(config: Config) -> None:
    """Serve until SIGTERM or Ctrl-C, then end what was started. Call it in the main thread.

    Raises ConfigError when the address cannot be listened at.
    """
    check_reach(config)
    manager = ProcessManager(config)
    try:
        server = Server(manager)
    except OSError as error:
        where = f"{config.host}:{config.port}"
        raise ConfigError(f"{where} cannot be listened at: {error.strerror or error}.") from None
    ended = threading.Event()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    else:
        numbers.append(signal.SIGHUP)  # the window that it runs in was closed
    for number in numbers:
        signal.signal(number, lambda *_: ended.set())
    manager.open()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    host = f"[{config.host}]" if ":" in config.host else config.host
    sys.stdout.write(f"The process manager answers at http://{host}:{server.server_address[1]}\n")
    sys.stdout.flush()
    while not ended.wait(1):  # on Windows a wait without an end hears no Ctrl-C
        pass
    server.shutdown()
    server.server_close()
    manager.close()


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("processes.toml"))
    parser.add_argument("--host", help="address to listen on, instead of the file's")
    parser.add_argument("--port", type=int, help="port to listen on, instead of the file's; 0 takes any")
    chosen = parser.parse_args(arguments)
    config = load(chosen.config)
    given = {"host": chosen.host, "port": chosen.port}
    serve(replace(config, **{name: value for name, value in given.items() if value is not None}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
