"""ComfyUI's HTTP API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from gpu.services import errors
from gpu.services.comfyui.events import Events
from gpu.services.comfyui.records import (
    Finished,
    Graph,
    Output,
    Queue,
    State,
    Stats,
    Submitted,
    ValidationError,
    read_finished,
    read_problems,
    read_queue,
    read_stats,
)
from gpu.services.wire import unanswered
from live import tracing

# Seconds to connect and to read. ComfyUI answers in milliseconds, but its interpreter may be busy for
# seconds while a model loads.
QUICK = (2.0, 10.0)
LONG = (2.0, 60.0)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FOLDER = "ollama-chat"  # of our uploads, inside ComfyUI's input folder
Read = TypeVar("Read")


class ComfyUI:
    """One ComfyUI server. Methods raise ServiceError; `quick` bounds those that compute nothing."""

    def __init__(self, url: str, quick: tuple[float, float] = QUICK) -> None:
        self.url, self._quick = url.rstrip("/"), quick

    def stats(self) -> Stats:
        """Return the version and the cards' memory in bytes; that it answers means that it is ready."""
        return self._read("/system_stats", read_stats)

    def queue(self) -> Queue:
        """Return what runs and what waits."""
        return self._read("/queue", read_queue)

    def is_computing(self) -> bool:
        """Return whether anything runs or is about to."""
        queue = self.queue()
        return bool(queue.running or queue.pending)

    def free(self) -> None:
        """Ask for all its memory back; it answers at once and acts when idle: look at `stats`."""
        self._send("POST", "/free", json={"unload_models": True, "free_memory": True})

    def submit(
        self, graph: Graph, prompt_id: str, client_id: str = "", extra: dict[str, Any] | None = None
    ) -> Submitted:
        """Queue a graph under our own lower-case UUID. Raises ValidationError.

        No idempotency key: the same id again is queued again, so `find` it first after a lost answer.
        """
        body: dict[str, Any] = {"prompt": graph, "prompt_id": prompt_id}
        body |= {"client_id": client_id} if client_id else {}
        body |= {"extra_data": extra} if extra else {}
        response = self._request("POST", "/prompt", json=body, timeout=LONG)
        if response.status_code == 400:
            raise ValidationError(_parsed(response, lambda told: _refusals(told, graph)))
        _check(response)
        return _parsed(response, lambda told: _submitted(told, graph))

    def find(self, prompt_id: str) -> State:
        """Return where a prompt is; "lost" if ComfyUI knows nothing of it (deleted, or it restarted)."""
        if finished := self.history(prompt_id):
            return finished.state
        queue = self.queue()
        if prompt_id in queue.running:
            return "running"
        if prompt_id in queue.pending:
            return "pending"
        finished = self.history(prompt_id)  # it may have ended between the two questions
        return finished.state if finished else "lost"

    def history(self, prompt_id: str) -> Finished | None:
        """Return how a prompt ended, None as long as it did not or when it is unknown."""

        def read(told: dict[str, Any]) -> Finished | None:
            return read_finished(told[prompt_id]) if prompt_id in told else None

        return self._read(f"/history/{prompt_id}", read)

    def interrupt(self, prompt_id: str) -> None:
        """Stop this prompt at its next step if it runs; nothing else is touched."""
        self._send("POST", "/interrupt", json={"prompt_id": prompt_id})

    def delete(self, prompt_id: str) -> None:
        """Take this prompt out of the queue if it waits."""
        self._send("POST", "/queue", json={"delete": [prompt_id]})

    def cancel(self, prompt_id: str) -> None:
        """Delete and interrupt: whichever it is at the moment, it will not be computed to its end."""
        self.delete(prompt_id)
        self.interrupt(prompt_id)

    def upload(self, name: str, data: bytes, folder: str = FOLDER) -> str:
        """Store a picture and return the reference for LoadImage; `name` in plain ASCII (ValueError)."""
        if not NAME.fullmatch(name):
            raise ValueError(name)
        form = {"subfolder": folder, "type": "input"}
        files = {"image": (name, data, "application/octet-stream")}
        response = self._request("POST", "/upload/image", data=form, files=files, timeout=LONG)
        _check(response)
        return _parsed(response, _reference)

    def view(self, output: Output, preview: str = "") -> bytes:
        """Return a file's bytes; `preview` re-encodes it, as "webp;90"."""
        wanted = {"filename": output.filename, "subfolder": output.subfolder, "type": output.type}
        wanted |= {"preview": preview} if preview else {}
        response = self._request("GET", "/view", params=wanted, timeout=LONG)
        _check(response)
        if not response.headers.get("Content-Type", "").startswith(("image/", "video/", "audio/")):
            raise errors.GarbledError(f"{output.filename} came as {response.headers.get('Content-Type')}")
        return response.content

    def models(self, folder: str) -> tuple[str, ...]:
        """Return the files in a folder of models, such as "checkpoints"; empty if there is no such folder."""
        response = self._request("GET", f"/models/{folder}")
        if response.status_code == 404:
            return ()
        _check(response)
        return _parsed(response, lambda told: tuple(str(name) for name in told))

    def object_info(self, class_type: str) -> dict[str, Any]:
        """Return a node's description, empty if it is not installed."""
        path = f"/object_info/{quote(class_type, safe='')}"  # authors name them as they like
        return self._read(path, lambda told: dict(told.get(class_type) or {}))

    def choices(self, class_type: str, field: str) -> tuple[str, ...]:
        """Return the values that a node's field may have; empty if it is no choice."""
        inputs = self.object_info(class_type).get("input") or {}
        declaration = {**(inputs.get("optional") or {}), **(inputs.get("required") or {})}.get(field)
        return _options(declaration)

    def events(self, *, previews: bool = True) -> Events:
        """Return a listener that is yet to be entered: connect first, submit then."""
        return Events(self.url, previews=previews)

    def _read(self, path: str, read: Callable[[Any], Read]) -> Read:
        response = self._request("GET", path)
        _check(response)
        return _parsed(response, read)

    def _send(self, method: str, path: str, **given: Any) -> None:
        _check(self._request(method, path, **given))

    def _request(self, method: str, path: str, **given: Any) -> requests.Response:
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the environment is not meant for a service at home
                given = {"timeout": self._quick, "headers": tracing.headers(), **given}
                return session.request(method, self.url + path, allow_redirects=False, **given)
        except (requests.RequestException, ValueError) as error:  # ValueError: an impossible address
            raise unanswered(error, self.url) from error


def _check(response: requests.Response) -> None:
    """Raise what an answer other than 200 means; its body may be anything."""
    status, text = response.status_code, response.text[:200]
    if status == 200:
        return
    kinds = {403: errors.ServiceRefusedError, 502: errors.ServiceDownError, 503: errors.ServiceBusyError}
    raise kinds.get(status, errors.ServiceError)(f"{status} {text}", status=status, url=response.url)


def _parsed(response: requests.Response, read: Callable[[Any], Read]) -> Read:
    try:
        return read(response.json())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise errors.GarbledError(f"{response.url}: {response.text[:200]!r}") from error


def _refusals(told: dict[str, Any], graph: Graph) -> Any:
    problems = read_problems(told, graph)
    if not problems:
        raise ValueError
    return problems


def _submitted(told: dict[str, Any], graph: Graph) -> Submitted:
    return Submitted(str(told["prompt_id"]), told["number"], read_problems(told, graph))


def _reference(told: dict[str, Any]) -> str:
    folder, name = str(told["subfolder"]), str(told["name"])
    return f"{folder}/{name}" if folder else name


def _options(declaration: Any) -> tuple[str, ...]:
    """Return the options of a declaration, in the old way `[[...], {}]` or the new `["COMBO", {...}]`."""
    if not isinstance(declaration, list) or not declaration:
        return ()
    first = declaration[0]
    if first == "COMBO" and len(declaration) > 1 and isinstance(declaration[1], dict):
        first = declaration[1].get("options")
    return tuple(str(option) for option in first) if isinstance(first, list) else ()
