"""`start.py run`: from the data folder to a page that answers, and back to nothing."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from launch import ROOT, engine, folder, network, prepare, probes, procfile, redis_choice, settings
from launch.output import Output, write
from launch.ports import check_port, free_port, in_url, reachable
from launch.process import Program
from launch.ready import Welcome
from launch.supervisor import Supervisor, own_everything
from launch.words import say

WIDE, NARROW = "0.0.0.0", "127.0.0.1"


def ready_folder(options: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """Return the data folder, with its secrets and the answer to who may reach the app."""
    path = folder.make(options.data_dir)
    folder.check_space(path)
    env_file = path / ".env"
    folder.add_secrets(env_file, environ)
    if options.reach:
        folder.write_env(env_file, {"HOST": WIDE if options.reach == "lan" else NARROW})
    elif not (options.host or environ.get("HOST") or folder.read_env(env_file).get("HOST")):
        _ask_reach(env_file)
    return path


def _ask_reach(env_file: Path) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    print(say("who"))
    try:
        answer = input(say("who_choice")).strip()
    except EOFError:
        return
    folder.write_env(env_file, {"HOST": WIDE if answer == "2" else NARROW})


def wants_mysql(path: Path, environ: Mapping[str, str]) -> bool:
    """Return whether the operator has chosen MySQL."""
    value = environ.get("DB_USE_MYSQL") or folder.read_env(path / ".env").get("DB_USE_MYSQL", "")
    return value.lower() in {"true", "1", "yes", "on"}


def run(options: argparse.Namespace, path: Path) -> int:
    """Serve until Ctrl-C or a signal; returns the exit status."""
    environment = _base_environment(options, path)
    chosen = settings.read(environment)
    host, port = str(chosen["HOST"]), int(chosen["PORT"])
    environment |= {"HOST": host, "PORT": str(port)}
    with folder.Occupied(path, f"http://{in_url(reachable(host))}:{port}"):
        check_port(host, port)
        with suppress(KeyboardInterrupt):  # Ctrl-C before the supervisor listens to it
            _serve(options, path, chosen, environment)
    write(say("stopped") + "\n")
    return 0


def _base_environment(options: argparse.Namespace, path: Path) -> dict[str, str]:
    environment = dict(os.environ) | {"OLLAMA_CHAT_DATA": str(path), "PYTHONUNBUFFERED": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if options.reach:
        environment["HOST"] = WIDE if options.reach == "lan" else NARROW
    if options.host:
        environment["HOST"] = options.host
    if options.port:
        environment["PORT"] = str(options.port)
    return environment


def _serve(
    options: argparse.Namespace, path: Path, chosen: dict[str, Any], environment: dict[str, str]
) -> None:
    own_everything()
    output = Output(path / "logs")
    found = _look_around(output, chosen, environment)
    lan = _add_addresses(chosen, environment)
    engine_port = free_port()
    environment["OLLAMA_ENGINE_URL"] = f"http://127.0.0.1:{engine_port}"
    prepare.prepare(path, environment, mysql=chosen["DB_USE_MYSQL"])
    supervisor = Supervisor(output)
    try:
        _start_redis(supervisor, output, path, chosen, environment)
        supervisor.listen()
        for name, command in procfile.read(ROOT / "Procfile").items():
            supervisor.add(Program(name, command, environment))
        if not chosen["OLLAMA_URL"] and engine.is_installed():
            stand_in = engine.program(engine_port, environment)
            watch = engine.Watch(supervisor, output, stand_in, probes.find_ollama, chosen["PROBE_INTERVAL"])
            watch.begin(found=found is not None)
        welcome = Welcome(
            output, chosen["HOST"], chosen["PORT"], lan, chosen["PUBLIC_URL"], not options.no_browser
        )
        _ask_for_setup_link(supervisor, welcome, prepare.Stamps(path), environment)
        welcome.begin()
        supervisor.run()
    finally:
        output.status("")
        supervisor.end()


def _look_around(output: Output, chosen: dict[str, Any], environment: dict[str, str]) -> probes.Ollama | None:
    """Say what was found; an Ollama on the Windows side of WSL2 is made known to the app."""
    ollama, comfyui = probes.find_ollama(chosen["OLLAMA_URL"]), probes.find_comfyui(chosen["COMFYUI_URL"])
    if ollama:
        output.say(say("ollama_found", version=ollama.version, url=ollama.url, models=ollama.models))
        if ollama.url != probes.OLLAMA and not chosen["OLLAMA_URL"]:
            environment["OLLAMA_URL"] = ollama.url
    elif chosen["OLLAMA_URL"]:
        output.say(say("ollama_down", url=chosen["OLLAMA_URL"]))
    else:
        output.say(say("ollama_missing" if engine.is_installed() else "ollama_missing_all"))
    if comfyui:
        output.say(say("comfyui_found", version=comfyui.version, url=comfyui.url))
        if comfyui.url != probes.COMFYUI and not chosen["COMFYUI_URL"]:
            environment["COMFYUI_URL"] = comfyui.url
    elif chosen["COMFYUI_URL"]:
        output.say(say("comfyui_down", url=chosen["COMFYUI_URL"]))
    return ollama


def _add_addresses(chosen: dict[str, Any], environment: dict[str, str]) -> list[str]:
    """Return the addresses of this machine on the network, which the processes get to know too."""
    host = str(chosen["HOST"])
    found: list[str] = chosen["LAN_ADDRESSES"] or network.lan_addresses()
    if host not in {WIDE, "::"} and not network.is_local(host):
        found = [host]
    environment["LAN_ADDRESSES"] = ",".join(found)
    return found


def _start_redis(
    supervisor: Supervisor, output: Output, path: Path, chosen: dict[str, Any], environment: dict[str, str]
) -> None:
    if chosen["REDIS_URL"]:
        environment["REDIS_KIND"] = "server"
        return
    # A password for each start: one kept in `.env` would be offered to a Redis that the operator names later.
    password = chosen["REDIS_PASSWORD"] or secrets.token_urlsafe(24)
    redis = redis_choice.choose(path / "redis", password, environment)
    if redis.kind == "memory":
        output.say(say("redis_memory"))
    supervisor.add(redis.program)
    redis.wait()
    environment |= {"REDIS_URL": redis.url, "REDIS_KIND": redis.kind}


def _ask_for_setup_link(
    supervisor: Supervisor, welcome: Welcome, stamps: prepare.Stamps, environment: Mapping[str, str]
) -> None:
    """Have manage.py print the one-time link while the app starts; never again once there is an admin."""
    if stamps.get("admin"):
        welcome.setup_known.set()
        return

    def hear(line: str) -> None:
        if line.startswith("/"):
            welcome.setup_path = line.strip()

    def ended(code: int) -> None:
        stamps.set(admin=code == 0 and not welcome.setup_path)
        welcome.setup_known.set()

    command = [sys.executable, "manage.py", "setuplink"]
    supervisor.add(Program("setup", command, environment, once=True, hear=hear, ended=ended))
