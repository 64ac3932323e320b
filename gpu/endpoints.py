"""Where Ollama is: the configured address, else what answers on this machine, else the built-in engine."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama

CUSTOMARY = "http://127.0.0.1:11434"


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
