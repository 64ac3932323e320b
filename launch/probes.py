"""What already runs on this machine: Ollama and ComfyUI (in WSL2 on the Windows side too)."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

OLLAMA, COMFYUI = "http://127.0.0.1:11434", "http://127.0.0.1:8188"
TIMEOUT = 1.5  # seconds
_open = build_opener(ProxyHandler({})).open  # the home network is no business of a proxy


@dataclass(frozen=True)
class Ollama:
    """An Ollama that answers: its address, its version, how many models it has."""

    url: str
    version: str
    models: int


@dataclass(frozen=True)
class ComfyUI:
    """A ComfyUI that answers: its address and its version."""

    url: str
    version: str


def find_ollama(url: str = "") -> Ollama | None:
    """Return the Ollama at `url`; without one, that of this machine or of the Windows around it."""
    for place in [url] if url else [OLLAMA, *_windows(11434)]:
        said = ask(f"{place}/api/version")
        if "version" in said:
            models = ask(f"{place}/api/tags").get("models")
            return Ollama(place, str(said["version"]), len(models) if isinstance(models, list) else 0)
    return None


def find_comfyui(url: str = "") -> ComfyUI | None:
    """Return the ComfyUI at `url`; without one, that of this machine or of the Windows around it."""
    for place in [url] if url else [COMFYUI, *_windows(8188)]:
        said = ask(f"{place}/system_stats")
        if isinstance(said.get("system"), dict):
            return ComfyUI(place, str(said["system"].get("comfyui_version", "")))
    return None


def ask(url: str) -> dict[str, Any]:
    """Return the JSON object that a GET brings, and an empty one for anything else."""
    try:
        with _open(url, timeout=TIMEOUT) as answer:
            said = json.load(answer)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def in_wsl() -> bool:
    """Return whether this Linux runs inside Windows."""
    try:
        return "microsoft" in Path("/proc/sys/kernel/osrelease").read_text().lower()
    except OSError:
        return False


def _windows(port: int) -> list[str]:
    gateway = default_gateway() if in_wsl() else ""
    return [f"http://{gateway}:{port}"] if gateway else []


def default_gateway(table: Path = Path("/proc/net/route")) -> str:
    """Return the address that the default route of a Linux goes to, or nothing."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return ""
    found = [row[2] for row in rows if len(row) > 2 and row[1] == "00000000"]
    return socket.inet_ntoa(bytes.fromhex(found[0])[::-1]) if found else ""
