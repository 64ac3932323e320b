"""The containers are those of the Procfile, with settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from launch import procfile
from ollamachat import env
from tests.deploy.nginx import NAME, TEMPLATE
from tests.processes import ROOT

FOLDER = ROOT / "deploy" / "docker"
FILLED = dict.fromkeys(("DJANGO_SECRET_KEY", "JWT_SECRET", "DB_PASSWORD", "CHAT_HOST"), "x" * 40)
OURS = ("migrate", "web", "llm", "imaging", "upkeep")
KEYS = {
    "build",
    "image",
    "restart",
    "init",
    "read_only",
    "tmpfs",
    "cap_drop",
    "security_opt",
    "volumes",
    "environment",
    "env_file",
    "extra_hosts",
    "depends_on",
    "command",
    "healthcheck",
    "stop_grace_period",
    "deploy",
    "ports",
    "profiles",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return told


def has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        bool(docker)
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not has_compose(), reason="there is no docker compose here; the shape is tested below")
def test_docker_reads_it(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "compose.yaml", tmp_path)
    given = {"PUBLIC_URL": "https://chat.home", **FILLED}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    command = ["docker", "compose", "--profile", "*", "config", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_service_is_whole(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service) <= KEYS, name
        assert "image" in service or "build" in service, name
        assert set(service.get("depends_on", {})) <= set(services), name
        for mount in service.get("volumes", []):
            volume = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0]
            assert volume.startswith(".") or volume in compose["volumes"], mount
    for name in ("redis_healthy", "mariadb"):
        assert "healthcheck" in services[name.removesuffix("_healthy")]


def test_the_app_runs_what_the_procfile_runs(compose: dict[str, Any]) -> None:
    for name, command in procfile.read(ROOT / "Procfile").items():
        assert compose["services"][name]["command"] == ["python", *command[1:]], name


@pytest.mark.parametrize("name", OURS)
def test_our_containers_take_every_setting_and_reach_this_machine(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["env_file"] == ".env"
    assert service["extra_hosts"] == ["host.docker.internal:host-gateway"]


def test_nginx_starts_anew_with_the_web_that_it_looks_up_once(compose: dict[str, Any]) -> None:
    assert compose["services"]["nginx"]["depends_on"]["web"]["restart"] is True


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_closed(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service


def test_their_settings_exist_and_can_be_read(compose: dict[str, Any]) -> None:
    given = compose["services"]["web"]["environment"]
    assert set(given) <= set(env.NAMES)
    filled = {
        name: re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda found: _value(*found.groups()), str(text))
        for name, text in given.items()
    }
    read = env.read({"OLLAMA_CHAT_DATA": "/nowhere", **filled})
    assert read["DB_USE_MYSQL"] is True
    assert read["MEDIA_ACCEL"] == "/_pictures/"


def _value(name: str, kind: str, otherwise: str) -> str:
    if kind == "-":
        return otherwise
    return "https://chat.home" if name == "PUBLIC_URL" else FILLED[name]


def test_what_it_asks_for_stands_in_the_example(compose: dict[str, Any]) -> None:
    example = (FOLDER / "env.example").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
    assert needed <= set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_nginx_is_given_every_name_of_its_template(compose: dict[str, Any]) -> None:
    asked = set(NAME.findall(TEMPLATE.read_text(encoding="utf-8")))
    given = compose["services"]["nginx"]["environment"]
    assert asked <= set(given) | {"CHAT_"}


def test_the_image_holds_every_file_that_it_copies() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name
