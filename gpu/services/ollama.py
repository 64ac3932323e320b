"""Ollama's HTTP API: typed, with its errors translated (shapes as Ollama 0.32 sends them)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import requests

from gpu.services import errors
from gpu.services.wire import CONNECT_TIMEOUT, Call, HungUpError
from live import tracing

QUICK = (2.0, 10.0)  # seconds to connect and to read, for calls that compute nothing
NANO = 1e9
LONGEST_LINE = 32 * 2**20  # bytes; a line without an end is no stream of Ollama's


@dataclass(frozen=True)
class Model:
    """An installed model; sizes in bytes."""

    name: str
    size: int
    digest: str
    family: str
    parameters: str
    quantization: str


@dataclass(frozen=True)
class Loaded:
    """A model in memory; sizes in bytes. `size_vram` below `size`: partly on the CPU."""

    name: str
    size: int
    size_vram: int
    num_ctx: int


@dataclass(frozen=True)
class Shown:
    """What a model can do, and the context it was trained for in tokens (0: unknown)."""

    capabilities: tuple[str, ...]
    context_length: int


@dataclass(frozen=True)
class Numbers:
    """What a finished answer took; durations in seconds, counts in tokens."""

    done_reason: str = "stop"
    prompt_tokens: int = 0
    tokens: int = 0
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Piece:
    """One line of a stream; `numbers` come with the last."""

    text: str = ""
    thinking: str = ""
    numbers: Numbers | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Ask:
    """One request for an answer. `num_ctx` must be the model's own: another value reloads the model."""

    model: str
    messages: list[dict[str, Any]]
    num_ctx: int
    keep_alive: str
    think: bool | str = False
    num_predict: int | None = None
    format: dict[str, Any] | str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)

    def body(self, *, stream: bool) -> dict[str, Any]:
        """Return the request's JSON. `truncate` and `shift` off: Ollama shall say when it is too much."""
        options = {**self.options, "num_ctx": self.num_ctx}
        if self.num_predict:
            options["num_predict"] = self.num_predict
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "stream": stream,
            "think": self.think,
            "keep_alive": self.keep_alive,
            "truncate": False,
            "shift": False,
            "options": options,
        }
        body |= {"format": self.format} if self.format else {}
        return body | ({"tools": self.tools} if self.tools else {})


class Stream:
    """A streamed answer: iterate it; any thread may `hang_up`. Iteration raises ServiceError, HungUpError."""

    def __init__(self, url: str, ask: Ask) -> None:
        self._url, self._ask = url, ask
        self._call = Call()
        self.waited = 0.0
        """Seconds that the newest piece was waited for; near 0 when it had arrived before."""

    def hang_up(self) -> None:
        """End the call: Ollama sees the connection close and stops computing."""
        self._call.hang_up()

    def __iter__(self) -> Iterator[Piece]:
        try:
            yield from self._pieces()
        except (requests.RequestException, OSError, AttributeError, ValueError) as error:
            # http.client trips over a socket that another thread has just shut, in several ways
            if self._call.hung_up:
                raise HungUpError from None
            if isinstance(error, requests.RequestException | OSError):
                raise errors.CutOffError(str(error)) from error
            raise

    def _pieces(self) -> Iterator[Piece]:
        with _post(self._call, self._url, self._ask) as response:
            if response.status_code != 200:
                raise translate(response.status_code, response.content, self._ask.model)
            numbers = None
            for line in self._lines(response):
                piece = read_piece(line)
                numbers = piece.numbers
                yield piece
                if numbers:
                    return
        if self._call.hung_up:
            raise HungUpError
        raise errors.EndedEarlyError

    def _lines(self, response: requests.Response) -> Iterator[bytes]:
        rest, asked = b"", monotonic()
        for chunk in response.iter_content(None):
            self.waited = monotonic() - asked
            *lines, rest = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
            for line in lines:
                if line:
                    yield line
            if len(rest) > LONGEST_LINE:
                raise errors.GarbledError("a line without an end")
            asked = monotonic()
        if rest.strip():
            yield rest


class Pull:
    """A download: iterate it for `{status, digest?, total?, completed?}`, bytes; any thread may `hang_up`.

    Ollama stops when the connection closes, and goes on from there when the same is pulled again.
    Iteration raises ServiceError, HungUpError.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._call = Call()

    def hang_up(self) -> None:
        """End the download."""
        self._call.hang_up()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            with self._call.post(f"{self._url}/api/pull", {"model": self._name}) as response:
                if response.status_code != 200:
                    raise translate(response.status_code, response.content, self._name)
                yield from _pull_lines(response)
        except (requests.RequestException, OSError, AttributeError, ValueError, errors.ServiceError) as error:
            if self._call.hung_up:  # as in `Stream`, a socket that was shut is tripped over in several ways
                raise HungUpError from None
            if isinstance(error, requests.RequestException | OSError):
                raise errors.CutOffError(str(error)) from error
            raise


def _post(call: Call, url: str, ask: Ask) -> requests.Response:
    try:
        return call.post(f"{url}/api/chat", ask.body(stream=True))
    except requests.ConnectionError as error:
        if call.hung_up:
            raise HungUpError from None
        if "Connection aborted" in str(error) or "RemoteDisconnected" in str(error):
            raise errors.CutOffError(str(error)) from error
        raise errors.ServiceDownError(str(error), url=url) from error
    except requests.Timeout as error:
        raise errors.ServiceDownError(str(error), url=url) from error


def read_piece(line: bytes) -> Piece:
    """Return one line of a stream. Raises GarbledError, ModelFailedError."""
    try:
        event = json.loads(line)
        if "error" in event:
            raise errors.ModelFailedError(unwrap(event["error"]))
        message = event.get("message") or {}
        text, thinking = message.get("content") or "", message.get("thinking") or ""
        if not isinstance(text, str) or not isinstance(thinking, str):
            raise TypeError
        numbers = read_numbers(event) if event.get("done") else None
        return Piece(text, thinking, numbers, tuple(message.get("tool_calls") or ()))
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.GarbledError(repr(line[:200])) from error


def read_numbers(event: dict[str, Any]) -> Numbers:
    """Return the last line's numbers; any of them may be missing."""
    return Numbers(
        done_reason=str(event.get("done_reason") or "stop"),
        prompt_tokens=int(event.get("prompt_eval_count") or 0),
        tokens=int(event.get("eval_count") or 0),
        load_seconds=(event.get("load_duration") or 0) / NANO,
        prompt_seconds=(event.get("prompt_eval_duration") or 0) / NANO,
        seconds=(event.get("eval_duration") or 0) / NANO,
    )


def unwrap(error: Any) -> str:
    """Return the sentence of an error, which may itself be JSON of llama-server's."""
    if isinstance(error, dict):
        return unwrap(error.get("error") or error.get("message") or "")
    try:
        inner = json.loads(error)
    except (ValueError, TypeError):
        return str(error)
    return unwrap(inner) if isinstance(inner, dict) else str(error)


def translate(status: int, body: bytes, model: str = "") -> errors.ServiceError:
    """Return the error that an answer with this HTTP status means."""
    try:
        text = unwrap(json.loads(body))
    except ValueError:
        text = body[:200].decode(errors="replace")
    if status == 404 and "model" in text and "not found" in text:  # not "404 page not found"
        return errors.ModelMissingError(text, model=model)
    if status == 400 and ("context" in text or "exceed" in text):
        return errors.ContextFullError(text)
    kinds = {403: errors.ServiceRefusedError, 503: errors.ServiceBusyError}
    return kinds.get(status, errors.ServiceError)(f"{status} {text}", status=status)


class Ollama:
    """One Ollama server. Methods raise ServiceError."""

    def __init__(self, url: str) -> None:
        self.url = url

    def version(self) -> str:
        """Return the server's version."""
        return str(self._call("GET", "/api/version").get("version", ""))

    def models(self) -> list[Model]:
        """Return what is installed, in the server's order."""
        return [_model(entry) for entry in self._call("GET", "/api/tags").get("models") or []]

    def loaded(self) -> list[Loaded]:
        """Return what is in memory; empty also while a model loads."""
        return [_loaded(entry) for entry in self._call("GET", "/api/ps").get("models") or []]

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

    def load(self, name: str, *, num_ctx: int, keep_alive: str, timeout: float) -> None:
        """Load a model and return when it is; `num_ctx` as in `Ask`, `timeout` in seconds."""
        body = {
            "model": name,
            "keep_alive": keep_alive,
            "stream": False,
            "shift": False,
            "options": {"num_ctx": num_ctx},
        }
        self._call("POST", "/api/generate", body, timeout=timeout)

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
        except requests.ReadTimeout as error:
            raise errors.ServiceHangsError(str(error), url=self.url) from error
        except requests.RequestException as error:
            raise errors.ServiceDownError(str(error), url=self.url) from error
        if response.status_code != 200:
            raise translate(response.status_code, response.content, str((body or {}).get("model", "")))
        return response


def _pull_lines(response: requests.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        try:
            event = json.loads(line) if line else {}
            error = event.get("error")
        except (ValueError, AttributeError) as garbled:
            raise errors.GarbledError(repr(line[:200])) from garbled
        if error:
            raise errors.ServiceError(unwrap(error))
        if event:
            yield event
        if event.get("status") == "success":
            return
    raise errors.CutOffError("the download ended without success")


def _model(entry: dict[str, Any]) -> Model:
    details = entry.get("details") or {}
    return Model(
        name=str(entry["name"]),
        size=int(entry.get("size") or 0),
        digest=str(entry.get("digest") or ""),
        family=str(details.get("family") or ""),
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
    )


def _loaded(entry: dict[str, Any]) -> Loaded:
    return Loaded(
        name=str(entry.get("name") or entry.get("model") or ""),
        size=int(entry.get("size") or 0),
        size_vram=int(entry.get("size_vram") or 0),
        num_ctx=int(entry.get("context_length") or 0),
    )
