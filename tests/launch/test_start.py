"""start.py from the data folder to a page that answers, over a small project and a scripted Ollama."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from launch import redis_choice
from tests.launch.conftest import lives, until
from tests.launch.project import App, make_project
from tests.standins.ollama import ScriptedOllama

Start = Callable[..., App]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("projects") / "small")


@pytest.fixture(scope="module")
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running:
        yield running


@pytest.fixture
def start(project: Path, ollama: ScriptedOllama, tmp_path: Path) -> Iterator[Start]:
    """Start the project on the data folder of that name."""
    started: list[App] = []

    def begin(name: str, *options: str, **environment: str) -> App:
        environment = {"OLLAMA_URL": ollama.url, **environment}
        started.append(App(project, tmp_path / name, *options, terminal=None, **environment))
        return started[-1]

    yield begin
    for app in started:
        if app.popen.poll() is None:
            app.stop()


def test_it_starts_says_where_and_ends_without_a_trace(start: Start) -> None:
    app = start("data")
    app.wait_ready()
    said = app.said

    status, seconds, left = app.stop()

    assert f"Ollama Chat is ready: {app.url}" in said
    assert f"{app.url}/setup/token/" in said
    assert "Ollama 0.32.15 found at http://127.0.0.1:" in said
    assert (status, left) == (0, [])
    assert seconds < 5
    assert not (app.data / "running.txt").exists()


def test_the_processes_get_the_names_that_the_app_reads(start: Start) -> None:
    app = start("data", "--host", "127.0.0.1", LAN_ADDRESSES="192.168.1.5")
    app.wait_ready()

    with urlopen(f"{app.url}/environ") as answer:
        environment = json.load(answer)

    assert environment["OLLAMA_CHAT_DATA"] == str(app.data)
    assert (environment["HOST"], environment["PORT"]) == ("127.0.0.1", str(app.port))
    assert environment["REDIS_URL"].startswith("redis://:")
    assert environment["REDIS_KIND"] in {"server", "builtin"}
    assert environment["OLLAMA_ENGINE_URL"].startswith("http://127.0.0.1:")
    assert environment["LAN_ADDRESSES"] == "192.168.1.5"


def test_settings_that_come_from_the_shell_are_named(start: Start) -> None:
    app = start("data", CHAT_TITLES="false")
    app.wait_ready()
    [line] = [line for line in app.said.splitlines() if "wins over .env" in line]
    assert "CHAT_TITLES" in line
    assert "PORT" not in line, "it came by an option"


def test_a_second_start_repeats_nothing_that_is_done(start: Start) -> None:
    first = start("data")
    first.wait_ready()
    first.stop()
    (first.data / "admin").touch()
    second = start("data")
    second.wait_ready()
    second.stop()
    third = start("data")
    third.wait_ready()

    assert "/setup/" not in second.said
    asked = (first.data / "asked.txt").read_text().split()
    assert [name for name in asked if name != "collectstatic"] == ["migrate", "setuplink", "setuplink"]


def test_a_lost_database_is_made_again(start: Start) -> None:
    first = start("data")
    first.wait_ready()
    first.stop()
    (first.data / "db.sqlite3").unlink()

    second = start("data")
    second.wait_ready()

    assert (second.data / "db.sqlite3").exists()
    assert "/setup/token/" in second.said


def test_redis_comes_back_where_it_was_when_it_is_killed(start: Start) -> None:
    app = start("data")
    app.wait_ready()
    with urlopen(f"{app.url}/environ") as answer:
        url = urlsplit(json.load(answer)["REDIS_URL"])
    [first] = [part for part in app.family() if "redis" in part.name()]

    first.kill()

    until(lambda: not redis_choice.answers(url.port or 0, url.password or ""))
    until(lambda: redis_choice.answers(url.port or 0, url.password or ""))
    assert "redis ended (signal SIGKILL)" in app.said


def test_two_copies_run_side_by_side(start: Start) -> None:
    one, other = start("one"), start("other")

    one.wait_ready()
    other.wait_ready()


def test_the_same_folder_twice_is_one_line(start: Start) -> None:
    first = start("data")
    first.wait_ready()

    second = start("data")

    assert second.popen.wait(10) == 1
    assert f"Ollama Chat already runs at {first.url} " in second.said
    assert "Traceback" not in second.said


def test_a_bad_value_is_one_line(start: Start) -> None:
    app = start("data", GPU_VRAM_THRESHOLD="much")

    assert app.popen.wait(10) == 1
    assert app.said.startswith("GPU_VRAM_THRESHOLD='much' cannot be used")
    assert app.said.count("\n") == 1


def test_on_the_network_it_names_its_addresses_and_the_firewall(start: Start) -> None:
    app = start("data", "--lan", LAN_ADDRESSES="192.168.1.5")
    app.wait_ready()

    assert f"http://192.168.1.5:{app.port}" in app.said
    assert f"sudo ufw allow {app.port}/tcp" in app.said


def test_a_step_that_fails_is_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data" / "asked.txt").mkdir(parents=True)

    app = start("data")

    assert app.popen.wait(10) == 1
    assert "manage.py migrate failed: IsADirectoryError" in app.said
    assert "Traceback" not in app.said
    assert "Traceback" in (app.data / "logs" / "migrate.log").read_text()


def test_ctrl_c_before_it_is_ready_ends_all_of_it(start: Start) -> None:
    app = start("data")
    until(lambda: len(app.family()) >= 3)

    status, seconds, left = app.stop()

    assert (status, left) == (0, [])
    assert seconds < 5


def test_a_closed_terminal_ends_it_in_order(project: Path, ollama: ScriptedOllama, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    app = App(project, tmp_path / "data", terminal=theirs, OLLAMA_URL=ollama.url)
    os.close(theirs)
    said = b""
    while b"Ctrl-C stops it." not in said:
        said += os.read(ours, 65536)
    family = app.family()

    os.close(ours)
    app.popen.send_signal(signal.SIGHUP)

    assert app.popen.wait(6) == 0
    assert not [part for part in family if lives(part)]
