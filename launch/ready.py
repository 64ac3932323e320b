"""Waiting until the app serves, and telling the person where."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import webbrowser
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from launch import network
from launch.output import Output
from launch.ports import in_url, reachable
from launch.probes import in_wsl
from launch.words import say

LOOK = 0.15  # seconds between looks
PATIENCE = 20.0  # seconds for the set-up link, once the app serves
_open = build_opener(ProxyHandler({})).open


@dataclass
class Welcome:
    """Shows the progress until the app is ready, then its addresses. `setup_path` may come at any time."""

    output: Output
    host: str
    port: int
    lan: list[str]
    public_url: str
    browser: bool
    setup_path: str = ""
    setup_known: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address to use on this computer."""
        return f"http://{in_url(reachable(self.host))}:{self.port}"

    def begin(self) -> None:
        """Wait and tell in a thread of its own."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        begun = time.monotonic()
        while missing := missing_checks(self.url):
            seconds = int(time.monotonic() - begun)
            if seconds:
                self.output.status(self._progress(seconds, missing))
            time.sleep(LOOK)
        self.setup_known.wait(PATIENCE)
        self.output.status("")
        self.output.say(self.text())
        if self.browser and can_browse():
            webbrowser.open((self.public_url or self.url) + self.setup_path)

    def _progress(self, seconds: int, missing: list[str]) -> str:
        if not sys.stdout.isatty():
            seconds -= seconds % 10  # a line each ten seconds is enough for a file
        return say("waiting", seconds=seconds, missing=", ".join(missing))

    def text(self) -> str:
        """Return what the person needs to know now."""
        on_network = not network.is_local(self.host)
        lines = ["", say("ready", url=self.public_url or self.url)]
        if on_network:
            lines += self._network_lines()
        if self.setup_path:
            lines.append(say("setup", url=self._setup_base() + self.setup_path))
        return "\n".join([*lines, say("how_to_stop"), ""])

    def _setup_base(self) -> str:
        """Return the address for the set-up link: a machine on the network may have no screen of its own."""
        addresses = [] if network.is_local(self.host) else self.lan
        return self.public_url or (f"http://{in_url(addresses[0])}:{self.port}" if addresses else self.url)

    def _network_lines(self) -> list[str]:
        addresses = [f"http://{in_url(address)}:{self.port}" for address in self.lan]
        lines = [say("ready_lan"), *(f"  {address}" for address in addresses)]
        if addresses and sys.stdout.isatty():
            lines.append(network.qr_code(addresses[0]))
        windows = sys.platform == "win32" or in_wsl()
        key = "firewall_windows" if windows else "firewall"
        lines.append(say(key, command=network.firewall_command(self.port)))
        return [*lines, say("wsl_lan")] if in_wsl() else lines


def missing_checks(url: str) -> list[str]:
    """Return the names of what the app at `url` still waits for; none when it is ready."""
    try:
        with _open(f"{url}/readyz", timeout=5):
            return []
    except HTTPError as error:
        return _names(error) or [f"HTTP {error.code}"]
    except OSError:
        return [say("waiting_web")]


def _names(error: HTTPError) -> list[str]:
    try:
        checks: dict[str, Any] = json.load(error)["checks"]
        return [name for name, state in checks.items() if not _is_good(state)]
    except (ValueError, KeyError, AttributeError, OSError, TypeError):
        return []


def _is_good(state: object) -> bool:
    if isinstance(state, dict):
        return bool(state.get("ok"))
    return state is True or state == "ok"


def can_browse() -> bool:
    """Return whether there is a person with a desktop to show a browser to."""
    if not sys.stdout.isatty():
        return False
    return (
        os.name == "nt" or sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
    )
