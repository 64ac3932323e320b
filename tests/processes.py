"""The app's real processes in front of a scripted Ollama, for tests that kill them.

`with running_app() as app:` gives every process of the `Procfile` and a Redis, each
restarted when it dies, as start.py's supervisor does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import redis
import requests

from launch import procfile
from launch.locks import FileLock
from launch.ports import free_port
from tests.standins.ollama import ScriptedOllama

ROOT = Path(__file__).resolve().parents[1]
Found = TypeVar("Found")
PASSWORD = "correct horse battery"
QUICK = {
    "GPU_OLLAMA_SLOTS": "256",
    "ANSWER_HEARTBEAT": "0.3",
    "ANSWER_STALE": "4",
    "ANSWER_UNCLAIMED": "1",
    "ANSWER_CHECKPOINT": "0.3",
    "SWEEP_INTERVAL": "0.3",
    "SNAPSHOT_INTERVAL": "0.5",
}
PERSON = """
from accounts.models import User
from django.test import Client
import json
user = User.objects.filter(username="{name}").first()
user = user or User.objects.create_user("{name}", None, "{password}", role="{role}")
client = Client()
client.force_login(user)
from accounts import tokens
print(json.dumps([user.pk, client.cookies["sessionid"].value, tokens.begin(user)["access"]]))
"""


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in: by session for the socket, by token for the API."""

    name: str
    pk: int
    session: str
    token: str


@dataclass
class App:
    """The running app."""

    url: str
    ollama: ScriptedOllama
    folder: Path
    environment: dict[str, str]
    commands: dict[str, list[str]]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    healing: bool = True
    held: set[str] = field(default_factory=set)

    def start(self, name: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                self.commands[name],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str, *, hold: bool = False) -> None:
        """Kill -9 a process; `hold` keeps it from being started again until `start`."""
        if hold:
            self.held.add(name)
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def signal(self, name: str, number: int) -> None:
        """Stop a process where it stands, or let it go on."""
        os.killpg(self.processes[name].pid, number)

    def terminate(self, name: str) -> None:
        """Ask a process to go, as a restart does; returns when it has gone."""
        self.held.add(name)
        self.processes[name].terminate()
        self.processes[name].wait(60)

    def release(self, name: str) -> None:
        """Let a held process run again."""
        self.held.discard(name)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        ran = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def person(self, name: str, *, role: str = "user") -> Person:
        """Return somebody with an account."""
        code = PERSON.format(name=name, password=PASSWORD, role=role)
        told = self.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1]
        return Person(name, *json.loads(told))

    def call(self, person: Person, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Call the JSON API."""
        headers = {"Authorization": f"Bearer {person.token}"}
        method = "GET" if body is None else "POST"
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=60, **options)

    def send(self, person: Person, content: str, *, chat: int | None = None, **more: Any) -> tuple[int, int]:
        """Send a message; return the ids of the chat and of the answer."""
        chat = chat or self.call(person, "/api/chats", {}).json()["id"]
        sent = self.call(person, f"/api/chats/{chat}/messages", {"content": content, "stream": False, **more})
        assert sent.status_code == 201, sent.text
        return chat, sent.json()["answer"]["id"]

    def answer(self, person: Person, chat: int, answer: int) -> dict[str, Any]:
        """Return the answer's row as the API tells it."""
        messages = self.call(person, f"/api/chats/{chat}").json()["messages"]
        return next(message for message in messages if message["id"] == answer)

    def wait_for_answer(
        self, person: Person, chat: int, answer: int, status: str | None = None, seconds: float = 60
    ) -> dict[str, Any]:
        """Return the answer once it is over (or has `status`)."""

        def look() -> dict[str, Any] | None:
            told = self.answer(person, chat, answer)
            over = told["status"] not in {"queued", "waiting", "streaming"}
            return told if (told["status"] == status if status else over) else None

        return wait_until(look, seconds)

    def ready(self, seconds: float = 60) -> None:
        """Return when every process is there and does its work."""
        wait_until(lambda: _ready(self), seconds)

    def redis(self) -> Any:
        """Return a client of the app's Redis."""
        return redis.Redis.from_url(self.environment["REDIS_URL"])

    def logs(self) -> str:
        """Return the end of every process's output."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def heal(self) -> None:
        """Start again what has died, as the supervisor does."""
        while self.healing:
            for name, process in list(self.processes.items()):
                if self.healing and name not in self.held and process.poll() is not None:
                    self.start(name)
            time.sleep(0.1)


def wait_until(look: Callable[[], Found | None], seconds: float = 60) -> Found:
    """Return what `look` finds, looking again and again. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"nothing came within {seconds} s"
        time.sleep(0.03)


def _ready(app: App) -> bool | None:
    try:
        return requests.get(f"{app.url}/readyz", timeout=5).status_code == 200 or None
    except requests.RequestException:
        return None


@contextmanager
def running_app(*, host: str = "127.0.0.1", **settings: str) -> Iterator[App]:
    """Yield the ready app; everything ends after."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        ollama = ends.enter_context(ScriptedOllama())
        port, redis_port = free_port(), free_port()
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        environment |= {
            "OLLAMA_CHAT_DATA": str(folder),
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "REDIS_PREFIX": "app",
            "HOST": host,
            "PORT": str(port),
            "OLLAMA_URL": ollama.url,
            "OLLAMA_DEFAULT_MODEL": next(iter(ollama.models)),
            "GPU_OLLAMA_SLOTS": "64",
            "DJANGO_SECRET_KEY": "a key that only the tests know, fifty letters long.",
            "JWT_SECRET": "another one for tokens, thirty-two letters",
            "SIGNUP_POLICY": "open",
            "CHAT_TITLES": "false",
            **QUICK,
            **settings,
        }
        commands = {"redis": _redis(redis_port, folder), **procfile.read(ROOT / "Procfile")}
        app = App(f"http://{host}:{port}", ollama, folder, environment, commands)
        app.manage("migrate", "--verbosity", "0")
        _collect_static(app)
        ends.callback(_end, app)
        for name in commands:
            app.start(name)
        healer = threading.Thread(target=app.heal, daemon=True)
        healer.start()
        try:
            app.ready(90)
        except AssertionError:
            raise AssertionError(app.logs()) from None
        yield app


def _collect_static(app: App) -> None:
    """Fill the folder that all apps serve from, once a test run: others may be reading there already."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    done, lock = ROOT / ".pytest_cache" / "static", FileLock(ROOT / ".pytest_cache" / "static.lock")
    lock.take(wait=True)
    try:
        if not run or not done.exists() or done.read_text() != run:
            app.manage("collectstatic", "--noinput", "--verbosity", "0")
            done.write_text(run)
    finally:
        lock.release()


def _redis(port: int, folder: Path) -> list[str]:
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "save": ""}
    return ["redis-server", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def _end(app: App) -> None:
    app.healing = False
    time.sleep(0.15)
    processes = []
    for process in app.processes.values():
        try:
            parent = psutil.Process(process.pid)
            processes += [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for member in processes:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    for started in app.processes.values():
        started.wait()
