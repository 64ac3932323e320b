"""The doctor says each of its sentences where it is true, and none of them where all is well."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from accounts.models import User
from gpu.models import ModelChoice
from gpu.services.comfyui import ComfyUI
from gpu.services.ollama import Ollama
from imaging.workflows import builtin
from launch.ports import free_port
from live.redis import client as redis
from live.redis import key
from ollamachat import env
from ollamachat.doctor import FAIL, OK, Finding, comfyui, examine, machine, ollama, processes, safety
from ollamachat.doctor.findings import TROUBLES, anchor_of
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama import ScriptedOllama

pytestmark = pytest.mark.django_db

BOOK = (env.PROJECT / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
Check = Callable[[], Iterator[Finding]]


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[ScriptedOllama, ScriptedComfyUI]]:
    with ScriptedOllama() as words, ScriptedComfyUI() as pictures:
        yield words, pictures


@pytest.fixture
def words(services: tuple[ScriptedOllama, ScriptedComfyUI], settings: Any) -> Iterator[ScriptedOllama]:
    words = services[0]
    settings.OLLAMA_URL, settings.LAN_ADDRESSES = words.url, []
    settings.OPERATOR_MODELS = {"chat": "smollm2:135m"}
    before = words.version, words.on_card, dict(words.models)
    yield words
    words.version, words.on_card, words.models = before
    words.loaded.clear()


@pytest.fixture
def pictures(services: tuple[ScriptedOllama, ScriptedComfyUI], settings: Any) -> ScriptedComfyUI:
    settings.COMFYUI_URL = services[1].url
    return services[1]


@contextmanager
def redis_set(**wanted: str) -> Iterator[None]:
    """Give the tests' Redis other settings for a while."""
    names = [name.replace("_", "-") for name in wanted]
    before = {name: redis().config_get(name)[name] for name in names}
    for name, value in zip(names, wanted.values(), strict=True):
        redis().config_set(name, value)
    yield
    for name, value in before.items():
        redis().config_set(name, value)


def troubles(check: Check) -> set[str]:
    """Return the anchors of what a check finds wrong."""
    return {finding.anchor for finding in check() if finding.level != OK}


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """Yield the address of something that gives one answer to everybody."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# --- The book ---------------------------------------------------------------------------------------


def test_every_sentence_has_its_entry_in_the_book_and_every_entry_its_sentence() -> None:
    written = dict(re.findall(r'^### <a id="([a-z-]+)"></a>(.+)$', BOOK, re.MULTILINE))
    said = {
        anchor_of(code): re.sub(r"%\((\w+)\)s", "…", str(entry.sentence)).replace("%%", "%")
        for code, entry in TROUBLES.items()
    }
    assert written == said


def test_every_entry_says_why_and_what_to_do() -> None:
    for entry in BOOK.split("\n### ")[1:]:
        assert len([part for part in entry.split("\n## ")[0].split("\n\n")[1:] if part.strip()]) >= 2, entry[
            :60
        ]


# --- Ollama -----------------------------------------------------------------------------------------


def test_an_ollama_with_what_is_needed_is_well(words: ScriptedOllama) -> None:
    assert troubles(ollama.check) == set()


def test_one_that_is_away_is_told(settings: Any) -> None:
    settings.OLLAMA_URL = f"http://127.0.0.1:{free_port()}"
    assert troubles(ollama.check) == {"ollama-down"}


def test_something_else_at_its_address_is_told(settings: Any) -> None:
    with answering(b"<h1>Router</h1>") as settings.OLLAMA_URL:
        assert troubles(ollama.check) == {"ollama-strange"}


def test_one_that_never_answers_is_told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu.services.ollama.client.QUICK", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.OLLAMA_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert troubles(ollama.check) == {"ollama-hangs"}


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("0.17.0", True),
        ("0.9.6", True),
        ("0.17.1", False),
        ("0.17.1-rc0", False),
        ("1.0", False),
        ("0.0.0", False),
    ],
)
def test_an_old_one_is_a_failure(words: ScriptedOllama, version: str, is_old: bool) -> None:
    words.version = version
    assert troubles(ollama.check) == ({"ollama-old"} if is_old else set())


def test_one_that_the_network_reaches_is_told(words: ScriptedOllama, settings: Any) -> None:
    settings.OLLAMA_URL = words.url.replace("127.0.0.1", "localhost")
    settings.LAN_ADDRESSES = ["127.0.0.1"]
    assert troubles(ollama.check) == {"ollama-exposed"}


def test_missing_models_are_told(words: ScriptedOllama, settings: Any) -> None:
    settings.OPERATOR_MODELS = {"chat": "gpt-oss:20b"}
    words.models = {"smollm2:135m": words.models["smollm2:135m"]}
    assert troubles(ollama.check) == {"model-missing", "vision-missing"}
    words.models = {}
    assert troubles(ollama.check) == {"no-models"}


def test_the_admins_choice_counts_where_the_operator_has_made_none(
    words: ScriptedOllama, settings: Any
) -> None:
    settings.OPERATOR_MODELS = {}
    ModelChoice.objects.create(purpose=ModelChoice.Purpose.CHAT, name="smollm2-think:135m")
    assert troubles(ollama.check) == set()


def test_a_model_half_on_the_cpu_is_told_with_its_share(words: ScriptedOllama) -> None:
    words.on_card = 0.6
    Ollama(words.url).load("smollm2:135m", num_ctx=2048, keep_alive="5m").wait()
    found = [finding for finding in ollama.check() if finding.level != OK]
    assert [finding.anchor for finding in found] == ["model-on-cpu"]
    assert "40 %" in found[0].sentence


def test_the_toy_model_is_no_ollama(
    words: ScriptedOllama, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu.endpoints.CUSTOMARY", f"http://127.0.0.1:{free_port()}")
    settings.OLLAMA_URL, settings.OLLAMA_ENGINE_URL = "", words.url
    assert troubles(ollama.check) == {"ollama-standin"}


# --- ComfyUI ----------------------------------------------------------------------------------------


def test_a_comfyui_with_what_is_needed_is_well(pictures: ScriptedComfyUI) -> None:
    assert troubles(comfyui.check) == set()


def test_a_comfyui_that_is_away_is_told_by_whether_one_was_asked_for(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu.endpoints.CUSTOMARY_COMFYUI", f"http://127.0.0.1:{free_port()}")
    assert troubles(comfyui.check) == {"comfyui-missing"}
    settings.COMFYUI_URL = f"http://127.0.0.1:{free_port()}"
    assert troubles(comfyui.check) == {"comfyui-down"}


def test_the_sketcher_is_no_comfyui(services: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu.endpoints.CUSTOMARY_COMFYUI", f"http://127.0.0.1:{free_port()}")
    settings.COMFYUI_ENGINE_URL = services[1].url
    assert troubles(comfyui.check) == {"comfyui-standin"}


def test_a_sign_in_page_is_no_comfyui(settings: Any) -> None:
    with answering(b"<h1>Sign in</h1>") as settings.COMFYUI_URL:
        assert troubles(comfyui.check) == {"comfyui-strange"}


def test_a_missing_checkpoint_is_told_with_what_there_is(pictures: ScriptedComfyUI, settings: Any) -> None:
    settings.COMFYUI_MODEL = "flux2-max"
    found = [finding for finding in comfyui.check() if finding.level == FAIL]
    assert {finding.anchor for finding in found} == {"checkpoint-missing"}
    assert "flux2-max" in found[0].sentence
    assert ".safetensors" in found[0].sentence


def test_a_workflow_with_an_unknown_node_is_told(
    pictures: ScriptedComfyUI, settings: Any, tmp_path: Path
) -> None:
    graph, _ = builtin.graph_for(ComfyUI(pictures.url), settings.COMFYUI_MODEL, changes_a_picture=False)
    graph["99"] = {"class_type": "LanPaint_KSampler", "inputs": {}, "_meta": {"title": "Paint"}}
    path = tmp_path / "own.json"
    path.write_text(json.dumps(graph))
    settings.COMFYUI_WORKFLOW_PATH = str(path)
    found = [finding for finding in comfyui.check() if finding.level == FAIL]
    assert [finding.anchor for finding in found] == ["node-missing"]
    assert "LanPaint_KSampler" in found[0].sentence


def test_a_workflow_that_cannot_be_read_is_told(pictures: ScriptedComfyUI, settings: Any) -> None:
    settings.COMFYUI_WORKFLOW_PATH = "C:/ComfyUI_windows_portable/ComfyUI/Flux.json"
    assert troubles(comfyui.check) == {"workflow-broken"}


# --- Redis, workers, process manager ----------------------------------------------------------------


def test_a_redis_that_keeps_everything_is_well() -> None:
    with redis_set(appendonly="yes"):
        assert troubles(processes.check_redis) == set()


def test_a_redis_without_a_file_is_told() -> None:
    with redis_set(appendonly="no", save=""):
        assert troubles(processes.check_redis) == {"redis-in-memory"}


def test_a_redis_that_throws_keys_away_is_told() -> None:
    with redis_set(appendonly="yes", maxmemory="1gb", maxmemory_policy="allkeys-lru"):
        assert troubles(processes.check_redis) == {"redis-evicts"}


def test_each_missing_worker_is_told() -> None:
    redis().flushdb()
    redis().set(key("alive", "llm"), "1")
    found = [finding for finding in processes.check_workers() if finding.level == FAIL]
    assert [finding.anchor for finding in found] == ["worker-missing"] * 2
    assert "imaging" in found[0].sentence


def test_a_process_manager_that_is_away_or_refuses_is_told(settings: Any, tmp_path: Path) -> None:
    assert troubles(processes.check_process_manager) == set()
    settings.PROCESS_MANAGER_API_URL = f"http://127.0.0.1:{free_port()}"
    assert troubles(processes.check_process_manager) == {"process-manager-down"}
    refusal = json.dumps({"error": "unauthorized", "message": "no"}).encode()
    with answering(refusal, 401) as settings.PROCESS_MANAGER_API_URL:
        assert troubles(processes.check_process_manager) == {"process-manager-refuses"}


# --- The machine ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "told"), [(100, {"disk-full"}), (1000, {"disk-low"}), (5000, set())])
def test_the_disk_is_told_by_what_is_free(free: int, told: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=free * machine.MEGA)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert troubles(machine.check_disk) == told


def test_a_database_that_is_up_to_date_is_well() -> None:
    assert troubles(machine.check_database) == set()


def test_pending_migrations_are_told() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'imaging'")
    assert troubles(machine.check_database) == {"migrations-pending"}


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    found = run("--json", OLLAMA_CHAT_DATA=str(tmp_path), DB_USE_MYSQL="true", DB_PORT=str(free_port()))
    told = {finding["anchor"] for finding in found["findings"]}
    assert {"database-down", "database-password", "redis-down", "not-checked"} <= told
    assert found["level"] == FAIL


def test_mail_is_told_by_whether_it_is_needed_and_answers(settings: Any) -> None:
    assert troubles(machine.check_mail) == set()
    settings.ENV = settings.ENV | {"EMAIL_VERIFICATION": "mandatory"}
    assert troubles(machine.check_mail) == {"mail-missing"}
    settings.EMAIL_CONFIGURED, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", free_port()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert troubles(machine.check_mail) == {"mail-down"}


# --- Safety -----------------------------------------------------------------------------------------


def test_random_secrets_are_well(settings: Any) -> None:
    assert troubles(safety.check_secrets) == set()


@pytest.mark.parametrize(
    "secret", ["a" * 50, "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", "12" * 20]
)
def test_a_secret_that_can_be_guessed_is_told(settings: Any, secret: str) -> None:
    with override_settings(SECRET_KEY=secret):
        assert troubles(safety.check_secrets) == {"secret-weak"}
    settings.ENV = settings.ENV | {"JWT_SECRET": secret}
    assert troubles(safety.check_secrets) == {"secret-weak"}


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
def test_secrets_that_others_can_read_are_told(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / ".env").touch(mode=0o644)
    assert troubles(safety.check_secrets) == {"secret-readable"}
    (tmp_path / ".env").chmod(0o600)
    assert troubles(safety.check_secrets) == set()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, set()),
        ({"DEBUG": True}, {"debug-on"}),
        ({"DEBUG": True, "ON_LOOPBACK": False, "SECURE": True}, {"debug-on-network", "port-beside-proxy"}),
        ({"ON_LOOPBACK": False}, {"http-on-network"}),
        ({"PUBLIC_URL": "http://chat.home"}, {"http-on-network"}),
        ({"PUBLIC_URL": "https://chat.home", "SECURE": True}, set()),
        ({"ON_LOOPBACK": False, "SECURE": True}, {"port-beside-proxy"}),
        ({"ON_LOOPBACK": False, "SECURE": True, "TRUSTED_PROXIES": ["10.0.0.2"]}, set()),
        (
            {"PUBLIC_URL": "https://chat.home", "SECURE": True, "SIGNUP_POLICY": "open"},
            {"signup-open"},
        ),
    ],
)
def test_what_the_network_can_reach_is_told(changed: dict[str, Any], told: set[str]) -> None:
    usual = {
        "DEBUG": False,
        "ON_LOOPBACK": True,
        "SECURE": False,
        "PUBLIC_URL": "",
        "SIGNUP_POLICY": "invite",
        "TRUSTED_PROXIES": [],
    }
    with override_settings(**{**usual, **changed}):
        assert troubles(safety.check_doors) == told


def test_an_admin_is_missed_until_there_is_one(alice: User) -> None:
    assert troubles(safety.check_admin) == {"admin-missing"}
    User.objects.create_superuser("root", None, "x")
    assert troubles(safety.check_admin) == set()


# --- The command ------------------------------------------------------------------------------------


def run(*arguments: str, **environ: str) -> Any:
    """Return what the command prints as JSON, from a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "DJANGO_SECRET_KEY")}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=env.PROJECT, env={**kept, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == ["ok", "warn", "fail"].index(told["level"]), done.stderr
    return told


def test_it_prints_each_trouble_with_its_fix_and_ends_with_the_worst(
    words: ScriptedOllama, settings: Any
) -> None:
    words.version = "0.16.0"
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 2
    assert "Ollama 0.16.0 has known security holes." in out.getvalue()
    assert "Update Ollama to 0.17.1 or newer." in out.getvalue()
    assert "TROUBLESHOOTING.md#ollama-old" in out.getvalue()


def test_every_finding_is_whole(words: ScriptedOllama, pictures: ScriptedComfyUI) -> None:
    for finding in examine():
        assert finding.sentence.endswith((".", "…")) or finding.anchor == "workflow-broken"
        assert "%(" not in finding.sentence + finding.fix
        assert (finding.level == OK) is (finding.fix == "") is (finding.anchor == "")
