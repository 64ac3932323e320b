"""`start.py run`: from the data folder to a page that answers, and back to nothing."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch import ROOT, engine, folder, network, prepare, probes, procfile, redis_choice, settings
from launch.output import Output, write
from launch.ports import check_port, choose_port, free_port, in_url, reachable
from launch.process import Program
from launch.reach import HOSTS
from launch.ready import Welcome
from launch.supervisor import Supervisor, own_everything
from launch.words import say

NOTE = "running.env"
NOTED = (
    "REDIS_URL",
    "REDIS_KIND",
    "OLLAMA_ENGINE_URL",
    "COMFYUI_ENGINE_URL",
    "LAN_ADDRESSES",
    "HOST",
    "PORT",
)


def run(options: argparse.Namespace, path: Path) -> int:
    """Serve until Ctrl-C or a signal; returns the exit status."""
    environment = _base_environment(options, path)
    chosen = settings.read(environment)
    host, wanted = str(chosen["HOST"]), int(chosen["PORT"])
    port = chosen["PORT"] = choose_port(host, wanted, may_move=not _is_expected(environment, path))
    environment |= {"HOST": host, "PORT": str(port)}
    with folder.Occupied(path, f"http://{in_url(reachable(host))}:{port}"):
        if names := settings.from_environment(os.environ):
            write(say("from_environment", names=", ".join(names)) + "\n")
        check_port(host, port)
        if port != wanted:
            write(say("port_moved", port=wanted, other=port) + "\n")
        with suppress(KeyboardInterrupt):  # Ctrl-C before the supervisor listens to it
            App(path, chosen, environment, Output(path / "logs"), browser=not options.no_browser).serve()
    write(say("stopped") + "\n")
    return 0


def _is_expected(environment: Mapping[str, str], path: Path) -> bool:
    """Return whether somebody has asked for the port, or a proxy looks for the app there."""
    stored = folder.read_env(path / ".env")
    return any(environment.get(name) or stored.get(name) for name in ("PORT", "PUBLIC_URL"))


def _base_environment(options: argparse.Namespace, path: Path) -> dict[str, str]:
    environment = dict(os.environ) | {
        "OLLAMA_CHAT_DATA": str(path),
        "DJANGO_SETTINGS_MODULE": "ollamachat.settings",  # whatever another project has left in this shell
        "PYTHONUNBUFFERED": "1",
    }
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if options.reach:
        environment["HOST"] = HOSTS[options.reach]
    if options.host:
        environment["HOST"] = options.host
    if options.port:
        environment["PORT"] = str(options.port)
    return environment


@dataclass
class App:
    """One run of the app: the settings that were chosen, and the environment that its processes get."""

    path: Path
    chosen: dict[str, Any]
    environment: dict[str, str]
    output: Output
    browser: bool

    def serve(self) -> None:
        """Return when everything has ended."""
        own_everything()
        ollama = self.look_for_ollama()
        comfyui = self.look_for_comfyui()
        self.add_addresses()
        port, sketcher_port = free_port(), free_port()
        self.environment["OLLAMA_ENGINE_URL"] = f"http://127.0.0.1:{port}"
        self.environment["COMFYUI_ENGINE_URL"] = f"http://127.0.0.1:{sketcher_port}"
        prepare.prepare(self.path, self.environment, mysql=self.chosen["DB_USE_MYSQL"])
        supervisor = Supervisor(self.output)
        try:
            self.start_redis(supervisor)
            self.note()
            supervisor.listen()
            for name, command in procfile.read(ROOT / "Procfile").items():
                supervisor.add(Program(name, command, self.environment))
            self.start_engine(supervisor, port, found=ollama is not None)
            self.start_sketcher(supervisor, sketcher_port, found=bool(ollama or comfyui))
            self.welcome(supervisor)
            supervisor.run()
        finally:
            self.output.status("")
            supervisor.end()
            (self.path / NOTE).unlink(missing_ok=True)

    def note(self) -> None:
        """Keep where this run's own processes are, for manage.py (`ollamachat.env.join_running`)."""
        told = {name: self.environment[name] for name in NOTED if name in self.environment}
        folder.write_env(self.path / NOTE, told)

    def look_for_ollama(self) -> probes.Ollama | None:
        """Say what was found; an Ollama on the Windows side of WSL2 is made known to the processes."""
        url = str(self.chosen["OLLAMA_URL"])
        found = probes.find_ollama(url)
        if found:
            self.output.say(say("ollama_found", version=found.version, url=found.url, models=found.models))
            if not url and found.url != probes.OLLAMA:
                self.environment["OLLAMA_URL"] = found.url
        elif url:
            self.output.say(say("ollama_down", url=url))
        else:
            self.output.say(say("ollama_missing" if engine.is_installed() else "ollama_missing_all"))
        return found

    def look_for_comfyui(self) -> probes.ComfyUI | None:
        """The same for ComfyUI."""
        url = str(self.chosen["COMFYUI_URL"])
        found = probes.find_comfyui(url)
        if found:
            self.output.say(say("comfyui_found", version=found.version, url=found.url))
            if not url and found.url != probes.COMFYUI:
                self.environment["COMFYUI_URL"] = found.url
        elif url:
            self.output.say(say("comfyui_down", url=url))
        return found

    def add_addresses(self) -> None:
        """Tell the processes this machine's addresses on the network."""
        host = str(self.chosen["HOST"])
        found: list[str] = self.chosen["LAN_ADDRESSES"] or network.lan_addresses()
        if host not in {"0.0.0.0", "::"} and not network.is_local(host):
            found = [host]
        self.environment["LAN_ADDRESSES"] = ",".join(found)

    def start_redis(self, supervisor: Supervisor) -> None:
        """Start a Redis of our own, unless the operator names one, and wait for it."""
        if self.chosen["REDIS_URL"]:
            self.environment["REDIS_KIND"] = "server"
            return
        # A password for each start: one kept in `.env` would be offered to a Redis that is named there later.
        password = self.chosen["REDIS_PASSWORD"] or secrets.token_urlsafe(24)
        redis = redis_choice.choose(self.path / "redis", password, self.environment)
        if redis.kind == "memory":
            self.output.say(say("redis_memory"))
        supervisor.add(redis.program)
        redis.wait()
        self.environment |= {"REDIS_URL": redis.url, "REDIS_KIND": redis.kind}

    def start_engine(self, supervisor: Supervisor, port: int, *, found: bool) -> None:
        """Run the stand-in model while no Ollama answers; never beside a configured one."""
        configured = self.chosen["OLLAMA_URL"] or self.environment.get("OLLAMA_URL")
        if configured or not engine.is_installed():
            return
        stand_in = engine.program(port, self.environment)
        watch = engine.Watch(
            supervisor,
            self.output,
            stand_in,
            _find_here,
            self.chosen["PROBE_INTERVAL"],
            came=lambda real: say("ollama_came", version=real.version, url=real.url),
            left=say("ollama_left"),
        )
        watch.begin(found=found)

    def start_sketcher(self, supervisor: Supervisor, port: int, *, found: bool) -> None:
        """Run the stand-in for ComfyUI while nothing real is connected at all."""
        names = ("OLLAMA_URL", "COMFYUI_URL")
        if any(self.chosen[name] or self.environment.get(name) for name in names):
            return
        stand_in = engine.sketcher(port, self.path / "sketches", self.environment)
        watch = engine.Watch(
            supervisor, self.output, stand_in, _find_anything_here, self.chosen["PROBE_INTERVAL"]
        )
        watch.begin(found=found)

    def welcome(self, supervisor: Supervisor) -> None:
        """Have the person told when the app is ready, with the set-up link while there is no admin."""
        lan = [address for address in self.environment["LAN_ADDRESSES"].split(",") if address]
        host, port, public_url = (self.chosen[name] for name in ("HOST", "PORT", "PUBLIC_URL"))
        welcome = Welcome(self.output, host, port, lan, public_url, browser=self.browser)
        stamps = prepare.Stamps(self.path)
        if stamps.get("admin"):
            welcome.setup_known.set()
        else:
            supervisor.add(_setup_link(welcome, stamps, self.environment))
        welcome.begin()


def _find_here() -> probes.Ollama | None:
    """Return the Ollama that the app finds by itself while it runs: only this machine's own."""
    return probes.find_ollama(probes.OLLAMA)


def _find_anything_here() -> probes.Ollama | probes.ComfyUI | None:
    """Return whatever real service answers on this machine."""
    return _find_here() or probes.find_comfyui(probes.COMFYUI)


def _setup_link(welcome: Welcome, stamps: prepare.Stamps, environment: dict[str, str]) -> Program:
    """Return manage.py as it prints the one-time link while the app starts, if there is no admin yet."""

    def hear(line: str) -> None:
        if line.startswith("/"):
            welcome.setup_path = line.strip()
        else:
            welcome.output.keep("setup", line)

    def ended(code: int) -> None:
        stamps.set(admin=code == 0 and not welcome.setup_path)
        welcome.setup_known.set()

    command = [sys.executable, "manage.py", "setuplink"]
    return Program("setup", command, environment, once=True, hear=hear, ended=ended)
