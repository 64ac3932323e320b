"""Ollama: is it there, safe, and does it have what chats need?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from gpu import choices, endpoints
from gpu.services import errors
from gpu.services.ollama import Model, Ollama
from ollamachat.doctor.findings import Finding, fine, trouble

NAME = "ollama"
SAFE = (0, 17, 1)
"""Older ones read memory that is not theirs when a crafted model file is loaded, among other holes."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check() -> Iterator[Finding]:
    """Yield what is to say of Ollama. Raises ServiceError when it goes away meanwhile."""
    url = settings.OLLAMA_URL or endpoints.CUSTOMARY
    try:
        found = endpoints.find_ollama()
    except errors.ServiceError as error:
        yield _down(url, error)
        return
    if found.kind == "engine":
        yield trouble(NAME, "ollama_standin")
        return
    yield _version(found.url, found.version)
    yield from _exposed(found.url)
    yield from _models(Ollama(found.url))


def _down(url: str, error: errors.ServiceError) -> Finding:
    if isinstance(error, errors.ServiceHangsError):
        return trouble(NAME, "ollama_hangs", url=url)
    if isinstance(error, errors.ServiceDownError):
        return trouble(NAME, "ollama_down", url=url)
    return trouble(NAME, "ollama_strange", url=url, why=str(error)[:100])


def _version(url: str, version: str) -> Finding:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers and numbers < SAFE and any(numbers):  # 0.0.0 is what a build of one's own says
        return trouble(NAME, "ollama_old", version=version, wanted=".".join(map(str, SAFE)))
    return fine(NAME, "ollama", version=version, url=url)


def _exposed(url: str) -> Iterator[Finding]:
    """One that runs here should answer here alone; one elsewhere has to be reachable."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return
    for address in settings.LAN_ADDRESSES:
        outside = f"http://{address}:{parts.port or 80}"
        try:
            Ollama(outside).version()
        except errors.ServiceError:
            continue
        yield trouble(NAME, "ollama_exposed", url=outside)
        return
    yield fine(NAME, "ollama_private")


def _models(ollama: Ollama) -> Iterator[Finding]:
    wanted = choices.operators(choices.CHAT) or choices.chosen(choices.CHAT) or settings.OLLAMA_DEFAULT_MODEL
    installed = ollama.models()
    if not installed:
        yield trouble("models", "no_models", model=wanted)
        return
    if _find(installed, wanted):
        yield fine("models", "model", model=wanted)
    else:
        yield trouble("models", "model_missing", model=wanted)
    yield _vision(ollama, installed)
    yield from _on_cpu(ollama)


def _vision(ollama: Ollama, installed: list[Model]) -> Finding:
    wanted = (
        choices.operators(choices.VISION) or choices.chosen(choices.VISION) or settings.OLLAMA_VISION_MODEL
    )
    first = [model for model in installed if model == _find(installed, wanted)]
    for model in [*first, *installed]:
        if "vision" in ollama.show(model.name).capabilities:
            return fine("models", "vision", model=model.name)
    return trouble("models", "vision_missing", model=wanted)


def _find(installed: list[Model], wanted: str) -> Model | None:
    return next((model for model in installed if model.name in {wanted, f"{wanted}:latest"}), None)


def _on_cpu(ollama: Ollama) -> Iterator[Finding]:
    loaded = ollama.loaded()
    for model in loaded:
        if model.size_vram < model.size:
            share = round(100 * (1 - model.size_vram / model.size))
            yield trouble("models", "model_on_cpu", model=model.name, share=max(1, share))
    if loaded and all(model.size_vram >= model.size for model in loaded):
        yield fine("models", "memory")
