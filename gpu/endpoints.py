"""Where the services are: the configured address, what answers on this machine, or the built-in engine."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from gpu.services.comfyui import ComfyUI
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from gpu.services.process_manager import ProcessManager

CUSTOMARY = "http://127.0.0.1:11434"
CUSTOMARY_COMFYUI = "http://127.0.0.1:8188"


@dataclass(frozen=True)
class Endpoint:
    """An address and why it is used: `configured`, `found` or `engine`."""

    url: str
    kind: str
    version: str = ""


def find_ollama() -> Endpoint:
    """Return where Ollama is. Raises ServiceError when it is nowhere.

    A configured service that is down is reported as down, never replaced.
    """
    if settings.OLLAMA_URL:
        return Endpoint(settings.OLLAMA_URL, "configured", Ollama(settings.OLLAMA_URL).version())
    try:
        return Endpoint(CUSTOMARY, "found", Ollama(CUSTOMARY).version())
    except ServiceError:
        if not settings.OLLAMA_ENGINE_URL:
            raise
    return Endpoint(settings.OLLAMA_ENGINE_URL, "engine", Ollama(settings.OLLAMA_ENGINE_URL).version())


def find_comfyui() -> Endpoint:
    """Return where ComfyUI is. Raises ServiceError when it is nowhere.

    A configured service that is down is reported as down, never replaced.
    """
    if settings.COMFYUI_URL:
        return Endpoint(settings.COMFYUI_URL, "configured", ComfyUI(settings.COMFYUI_URL).stats().version)
    try:
        return Endpoint(CUSTOMARY_COMFYUI, "found", ComfyUI(CUSTOMARY_COMFYUI).stats().version)
    except ServiceError:
        if not settings.COMFYUI_ENGINE_URL:
            raise
    return Endpoint(
        settings.COMFYUI_ENGINE_URL, "engine", ComfyUI(settings.COMFYUI_ENGINE_URL).stats().version
    )


def process_manager() -> ProcessManager | None:
    """Return the process manager's client, None when there is none."""
    url = settings.PROCESS_MANAGER_API_URL
    if not url:
        return None
    return ProcessManager(url, settings.PROCESS_MANAGER_TOKEN, wait=settings.PROCESS_SWITCH_TIMEOUT)
