"""Who may call the process manager, and what a wrong call is told."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.standins.process_manager import ROOT, Manager, Program

TOKEN = "a token of thirty-two letters...."


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with Manager(tmp_path_factory.mktemp("guarded"), Program("ollama"), token=TOKEN) as manager:
        yield manager


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with Manager(tmp_path_factory.mktemp("plain"), Program("ollama"), Program("comfyui")) as manager:
        yield manager


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", "Bearer мимо"])
@pytest.mark.parametrize("call", ["GET /status", "GET /log?service=ollama", "POST /start?service=ollama"])
def test_without_the_token_nothing_is_told_or_done(guarded: Manager, call: str, given: str) -> None:
    method, path = call.split()
    response = guarded.call(method, path, {"Authorization": given.encode()})  # type: ignore[dict-item]
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"] == "unauthorized"
    assert guarded.service("ollama")["state"] == "stopped"


def test_the_token_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {"PROCESS_MANAGER_TOKEN": TOKEN}
    with Manager(tmp_path, Program("ollama"), environ=environ, token="the file's") as manager:
        assert manager.call("GET", "/status", {"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert manager.call("GET", "/status", {"Authorization": "Bearer the file's"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:8888"},
        {"Host": "192.168.1.5:8888"},
        {"Host": ""},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
def test_without_a_token_no_page_in_a_browser_is_served(manager: Manager, headers: dict[str, str]) -> None:
    response = manager.call("POST", "/start?service=ollama", headers)
    assert (response.status_code, response.json()["error"]) == (403, "forbidden")
    assert manager.service("ollama")["state"] == "stopped"


@pytest.mark.parametrize("host", ["localhost:8888", "127.0.0.1", "[::1]:8888"])
def test_this_machine_is_served_under_its_own_names(manager: Manager, host: str) -> None:
    assert manager.call("GET", "/status", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/start?service=nobody", 404, "unknown_service"),
        ("POST", "/switch", 404, "unknown_service"),
        ("GET", "/log?service=../etc/passwd", 404, "unknown_service"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/run?command=sh", 404, "not_found"),
        ("GET", "/start?service=ollama", 405, "wrong_method"),
        ("POST", "/status", 405, "wrong_method"),
        ("DELETE", "/log", 405, "wrong_method"),
        ("OPTIONS", "/start", 405, "wrong_method"),
        ("BREW", "/start", 405, "wrong_method"),
        ("POST", "/start?service=ollama&wait=soon", 400, "bad_request"),
        ("POST", "/start?service=ollama&wait=nan", 400, "bad_request"),
        ("POST", "/start?service=ollama&wait=-1", 400, "bad_request"),
        ("POST", "/stop?service=ollama&force=perhaps", 400, "bad_request"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    manager: Manager, method: str, path: str, status: int, code: str
) -> None:
    response = manager.call(method, path)
    told = response.json()
    assert (response.status_code, told["error"]) == (status, code)
    assert told["message"].endswith(".")
    assert manager.service("ollama")["state"] == "stopped"


def test_a_wrong_method_is_told_the_right_one(manager: Manager) -> None:
    assert manager.call("GET", "/start").headers["Allow"] == "POST"
    assert manager.call("POST", "/status").headers["Allow"] == "GET"


def test_an_unknown_service_is_told_the_known_ones(manager: Manager) -> None:
    told = manager.call("POST", "/stop?service=nobody").json()
    assert told["message"] == "There is no service 'nobody'; there are: ollama, comfyui."


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /status HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /start HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: [\r\n\r\n",
    ],
)
def test_what_is_no_call_gets_an_error_in_json_and_harms_nothing(manager: Manager, sent: bytes) -> None:
    where = urlsplit(manager.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert b'{"error": ' in answer
    assert manager.call("GET", "/status").status_code == 200


def test_a_body_does_not_disturb_the_next_call_of_the_connection(manager: Manager) -> None:
    where = urlsplit(manager.url)
    first = b"POST /stop?service=ollama HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\nGET / H"
    second = b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=30) as client:
        client.sendall(first + second)
        answer = client.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 200") == 2


# --- The file --------------------------------------------------------------------------------------------

CHILD = '[services.ollama]\ncommand = ["ollama", "serve"]\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no service"),
        ("a = ", "is no TOML"),
        ('[manager]\nhost = "0.0.0.0"\n' + CHILD, "so a token is needed"),
        ('[manager]\nport = "many"\n' + CHILD, "port = 'many' has the wrong type"),
        ("[manager]\nport = true\n" + CHILD, "port = True has the wrong type"),
        ("[manager]\nprot = 1\n" + CHILD, "prot is not known"),
        ("[services.ollama]\n", "command is a list"),
        ('[services.ollama]\ncommand = "ollama serve"\n', "wrong type"),
        ('[services.ollama]\ncommand = ["ollama", 1]\n', "command and env hold texts"),
        ('[services."../x"]\ncommand = ["ollama"]\n', "a service's name has"),
        ('[services.ollama]\ndriver = "systemd"\nunit = "--force"\n', "unit is a name"),
        ('[services.ollama]\ndriver = "docker"\n', 'driver is "child" or "systemd"'),
        (CHILD + "stop_timeout = 0\n", "times are above 0"),
        (CHILD + "attempts = 0\n", "attempts is at least 1"),
        (CHILD.replace("ollama]", "comfyui]") + 'stop_by = "unload"\n', "for Ollama alone"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "processes.toml"
    path.write_text(text, encoding="utf-8")
    done = _run(path)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = _run(tmp_path / "none.toml")
    assert done.stderr == f"{tmp_path / 'none.toml'} cannot be read: No such file or directory.\n"


def test_a_port_that_is_taken_is_named(manager: Manager, tmp_path: Path) -> None:
    path = tmp_path / "processes.toml"
    path.write_text(CHILD, encoding="utf-8")
    port = urlsplit(manager.url).port
    assert _run(path, "--port", str(port)).stderr.startswith(f"127.0.0.1:{port} cannot be listened at: ")


@pytest.mark.parametrize("name", ["linux", "windows"])
def test_the_example_files_can_be_used(tmp_path: Path, name: str) -> None:
    code = f"import gpu.processmanager as p, pathlib; print(len(p.load(pathlib.Path({name!r})).services))"
    path = ROOT / f"deploy/processmanager/processes.{name}.toml"
    done = subprocess.run(
        [sys.executable, "-c", code.replace(repr(name), repr(str(path)))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_the_file_alone_runs_without_the_project(tmp_path: Path) -> None:
    copied = tmp_path / "processmanager.py"
    copied.write_bytes((ROOT / "gpu/processmanager.py").read_bytes())
    words = [sys.executable, "-I", "-S", str(copied), "--help"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--config" in done.stdout


def _run(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "gpu/processmanager.py", "--config", str(path), *more]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
