"""What is known of Ollama: kept in Redis by `upkeep`, so that no page waits for a service."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.conf import settings

from gpu.endpoints import CUSTOMARY, Endpoint, find_ollama
from gpu.services.errors import ServiceError
from gpu.services.ollama import Loaded, Model, Ollama
from live import events
from live.redis import RedisError, client, key

READY, NO_MODELS, DOWN, STARTING = "ready", "no_models", "down", "starting"
KEPT = 120  # seconds; without upkeep the pages say so instead of showing old news
GIGA = 1e9


@dataclass(frozen=True)
class Known:
    """An installed model; sizes in bytes, lengths in tokens."""

    name: str
    size: int
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    family: str = ""
    parameters: str = ""
    loaded: bool = False
    size_loaded: int = 0
    size_vram: int = 0
    quantization: str = ""
    num_ctx: int = 0
    """The window that it is loaded with, 0 while it is not."""
    label: str = ""
    """What people see instead of the name, where an admin has given one (see `gpu.labels`)."""

    @property
    def shown_name(self) -> str:
        return self.label or self.name

    @property
    def on_cpu(self) -> int:
        """Return the bytes of a loaded model that are not on the card: Ollama computes those on the CPU."""
        return max(0, self.size_loaded - self.size_vram) if self.loaded else 0

    @property
    def chats(self) -> bool:
        """Whether it answers in words."""
        return "completion" in self.capabilities or not self.capabilities

    @property
    def thinks(self) -> bool:
        return "thinking" in self.capabilities

    @property
    def thinks_in_levels(self) -> bool:
        """Whether it thinks more or less, and can't be told not to."""
        return self.thinks and self.family == "gptoss"

    @property
    def thinks_by(self) -> str:
        """Return what its thinking is set by: levels, switch, or "" for a model that does not think."""
        if not self.thinks:
            return ""
        return "levels" if self.thinks_in_levels else "switch"

    @property
    def sees(self) -> bool:
        return "vision" in self.capabilities

    @property
    def embeds(self) -> bool:
        return "embedding" in self.capabilities

    @property
    def uses_tools(self) -> bool:
        return "tools" in self.capabilities

    @property
    def size_gb(self) -> float:
        return round(self.size / GIGA, 1)


@dataclass(frozen=True)
class Snapshot:
    """One look at Ollama. `state` is ready, no_models, down or starting (nobody has looked yet)."""

    state: str = STARTING
    kind: str = ""
    url: str = ""
    version: str = ""
    error: str = ""
    models: tuple[Known, ...] = field(default_factory=tuple)
    since: float = 0.0
    """When the state was seen first, in seconds since the epoch."""

    @property
    def is_engine(self) -> bool:
        """Whether the built-in toy model answers."""
        return self.kind == "engine"

    def chat_models(self) -> list[Known]:
        """Return the models that answer in words."""
        return [model for model in self.models if model.chats]

    def find(self, name: str) -> Known | None:
        """Return the model of that name; "x" means "x:latest"."""
        names = {name, f"{name}:latest"}
        return next((model for model in self.models if model.name in names), None)

    def default_model(self) -> str:
        """Return a new chat's model: the operator's when installed, else what is loaded, else the first."""
        chosen = self.find(settings.OLLAMA_DEFAULT_MODEL)
        usable = self.chat_models()
        if chosen and chosen.chats:
            return chosen.name
        loaded = [model for model in usable if model.loaded]
        return (loaded or usable)[0].name if usable else settings.OLLAMA_DEFAULT_MODEL


def read() -> Snapshot:
    """Return the newest look; `starting` when there is none or Redis is away."""
    try:
        stored = client().get(key("snapshot"))
    except RedisError:
        return Snapshot()
    return _decode(stored) if stored else Snapshot()


def refresh() -> Snapshot:
    """Look at Ollama, keep what is seen, and tell open pages when it has changed. Raises RedisError."""
    before = read()
    now = _look(before)
    client().set(key("snapshot"), json.dumps(asdict(now)), ex=KEPT)
    if now != before:
        events.tell("models", "all", "models", state=now.state)
    return now


def keep_comfyui(endpoint: Endpoint | None) -> None:
    """Keep where ComfyUI was seen, None when it is nowhere. Raises RedisError."""
    told = json.dumps(asdict(endpoint)) if endpoint else ""
    client().set(key("comfyui"), told, ex=KEPT)


def read_comfyui() -> Endpoint | None:
    """Return where `upkeep` has seen ComfyUI, None when it is nowhere or nobody has looked."""
    try:
        stored = client().get(key("comfyui"))
    except RedisError:
        return None
    return Endpoint(**json.loads(stored)) if stored else None


def look_now() -> Snapshot:
    """Return the kept look, or look when there is none: for workers, which may ask services."""
    kept = read()
    return kept if kept.state in (READY, NO_MODELS) else _look(kept)


def _look(before: Snapshot) -> Snapshot:
    seen = _ask()
    return replace(seen, since=before.since if seen.state == before.state else time.time())


def _ask() -> Snapshot:
    endpoint = Endpoint(settings.OLLAMA_URL or settings.OLLAMA_ENGINE_URL or CUSTOMARY, "configured")
    try:
        endpoint = find_ollama()
        ollama = Ollama(endpoint.url)
        loaded = {model.name: model for model in ollama.loaded()}
        known = [_know(ollama, model, loaded.get(model.name)) for model in ollama.models()]
    except ServiceError as error:
        return Snapshot(DOWN, endpoint.kind, endpoint.url, error=error.code)
    seen = Snapshot(READY, endpoint.kind, endpoint.url, endpoint.version, models=tuple(known))
    return seen if seen.chat_models() else replace(seen, state=NO_MODELS)


def _know(ollama: Ollama, model: Model, loaded: Loaded | None) -> Known:
    told = _shown(ollama, model)
    return Known(
        name=model.name,
        size=model.size,
        capabilities=tuple(told["capabilities"]),
        context_length=told["context_length"],
        family=model.family,
        parameters=model.parameters,
        loaded=loaded is not None,
        size_loaded=loaded.size if loaded else 0,
        size_vram=loaded.size_vram if loaded else 0,
        quantization=model.quantization,
        num_ctx=loaded.num_ctx if loaded else 0,
    )


def _shown(ollama: Ollama, model: Model) -> dict[str, Any]:
    """Return what the model can do; asked once for each digest, since it is 20 kB of JSON."""
    name = key("shown")
    field_ = f"{model.name}@{model.digest}"
    stored = client().hget(name, field_)
    if stored:
        told: dict[str, Any] = json.loads(stored)
        return told
    shown = ollama.show(model.name)
    client().hset(name, field_, json.dumps(asdict(shown)))
    return asdict(shown)


def _decode(stored: str) -> Snapshot:
    told = json.loads(stored)
    models = tuple(
        Known(**{**entry, "capabilities": tuple(entry["capabilities"])}) for entry in told["models"]
    )
    return Snapshot(**{**told, "models": models})
