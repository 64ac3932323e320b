"""Ollama's HTTP API."""

from __future__ import annotations

from typing import Any

import requests

from gpu.services import errors
from gpu.services.ollama.calls import Load, Pull, Stream
from gpu.services.ollama.records import (
    Ask,
    Loaded,
    Model,
    Numbers,
    Shown,
    read_loaded,
    read_model,
    read_numbers,
    translate,
)
from gpu.services.wire import CONNECT_TIMEOUT, unanswered
from live import tracing

QUICK = (2.0, 10.0)  # seconds to connect and to read, for calls that compute nothing


class Ollama:
    """One Ollama server. Methods raise ServiceError."""

    def __init__(self, url: str) -> None:
        self.url = url

    def version(self) -> str:
        """Return the server's version."""
        return str(self._call("GET", "/api/version").get("version", ""))

    def models(self) -> list[Model]:
        """Return what is installed, in the server's order."""
        return [read_model(entry) for entry in self._call("GET", "/api/tags").get("models") or []]

    def loaded(self) -> list[Loaded]:
        """Return what is in memory; empty also while a model loads."""
        told = self._call("GET", "/api/ps")
        if "models" not in told:
            raise errors.GarbledError(repr(told)[:200])
        return [read_loaded(entry) for entry in told["models"] or []]

    def show(self, name: str) -> Shown:
        """Return what the model can do."""
        told = self._call("POST", "/api/show", {"model": name})
        info = told.get("model_info") or {}
        lengths = [value for key, value in info.items() if key.endswith(".context_length")]
        return Shown(tuple(told.get("capabilities") or ()), int(lengths[0]) if lengths else 0)

    def answer(self, ask: Ask) -> Stream:
        """Return a stream that is yet to be iterated; nothing is sent before."""
        return Stream(self.url, ask)

    def complete(self, ask: Ask, timeout: float) -> tuple[str, Numbers]:
        """Return a whole answer and its numbers; `timeout` in seconds."""
        told = self._call("POST", "/api/chat", ask.body(stream=False), timeout=timeout)
        message = told.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        return str(content or ""), read_numbers(told)

    def load(self, name: str, *, num_ctx: int, keep_alive: str) -> Load:
        """Return a load that is yet to be waited for; `num_ctx` as in `Ask`. Nothing is sent before."""
        return Load(self.url, name, num_ctx=num_ctx, keep_alive=keep_alive)

    def unload(self, name: str) -> None:
        """Ask for the model's memory back; what happened is seen in `loaded`."""
        self._call("POST", "/api/generate", {"model": name, "keep_alive": 0, "stream": False})

    def pull(self, name: str) -> Pull:
        """Return a download that is yet to be iterated; nothing is sent before."""
        return Pull(self.url, name)

    def delete(self, name: str) -> None:
        """Remove a model from the disk; one that is loaded stays in memory until it is unloaded."""
        self._request("DELETE", "/api/delete", {"model": name})  # answers with an empty body

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        response = self._request(method, path, body, timeout=timeout)
        try:
            told = response.json()
        except ValueError as error:  # also requests' own JSONDecodeError
            raise errors.GarbledError(str(error)) from error
        if not isinstance(told, dict):
            raise errors.GarbledError(repr(told)[:200])
        return told

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> requests.Response:
        wait = (CONNECT_TIMEOUT, timeout) if timeout else QUICK
        try:
            with requests.Session() as session:
                session.trust_env = False
                response = session.request(
                    method, self.url + path, json=body, timeout=wait, headers=tracing.headers()
                )
        except ValueError as error:
            raise errors.GarbledError(str(error)) from error
        except requests.RequestException as error:
            raise unanswered(error, self.url) from error
        if response.status_code != 200:
            raise translate(response.status_code, response.content, str((body or {}).get("model", "")))
        return response
