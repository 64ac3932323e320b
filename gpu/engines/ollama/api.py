"""The routes, and what happens on each."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from gpu.engines.ollama.answers import Answer
from gpu.engines.ollama.asks import (
    Ask,
    check_name,
    check_options,
    integer,
    read_chat,
    read_generate,
    read_object,
)
from gpu.engines.ollama.errors import ApiError, RunnerError, RunnerGoneError
from gpu.engines.ollama.label import label_for
from gpu.engines.ollama.model import FULL_NAME, NAME, Model
from gpu.engines.ollama.prompt import completion_body, fit
from gpu.engines.ollama.residency import Residency, Slot
from gpu.engines.ollama.runner import Launch
from gpu.engines.ollama.wire import JSON, TEXT, Exchange, encode

VERSION = "0.32.15"  # whose traffic this one was compared with
DEFAULT_CONTEXT = 4096
LOCAL_ORIGIN = re.compile(r"^(https?://(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?|(app|file|tauri)://.*)$")
LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
JSON_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
SINGLE_MODEL = "this stand-in holds one model and cannot {}; install Ollama to manage models"
NO_PULL = "pull model manifest: this stand-in reaches no registry; install Ollama to pull models"
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
CRASHED = "an error was encountered while running the model: unexpected EOF"

Route = Callable[[Exchange], Awaitable[None]]


class Api:
    """Ollama's API over one model."""

    def __init__(self, model: Model, residency: Residency, *, parallel: int, loopback: bool) -> None:
        self._model = model
        self._residency = residency
        self._parallel = parallel
        self._loopback = loopback
        self._routes: dict[str, dict[str, Route]] = {
            "/": {"GET": self._root, "HEAD": self._root},
            "/api/version": {"GET": self._version, "HEAD": self._version},
            "/api/tags": {"GET": self._tags, "HEAD": self._tags},
            "/api/ps": {"GET": self._ps},
            "/api/show": {"POST": self._show},
            "/api/chat": {"POST": self._chat},
            "/api/generate": {"POST": self._generate},
            "/api/embed": {"POST": self._embed},
            "/api/embeddings": {"POST": self._embeddings},
            "/api/pull": {"POST": self._pull},
            "/api/create": {"POST": self._refuse},
            "/api/copy": {"POST": self._refuse},
            "/api/delete": {"DELETE": self._refuse},
        }

    async def __call__(self, exchange: Exchange) -> None:
        """Answers one request."""
        if not self._admitted(exchange):
            await exchange.send(403, b"", "")
            return
        methods = self._routes.get(exchange.request.path)
        if methods is None:
            await exchange.send(404, b"404 page not found", TEXT)
        elif route := methods.get(exchange.request.method):
            await self._run(route, exchange)
        else:
            exchange.extra_headers["Allow"] = ", ".join(methods)
            await exchange.send(405, b"405 method not allowed", TEXT)

    def _admitted(self, exchange: Exchange) -> bool:
        origin = exchange.request.headers.get("origin")
        if origin and not LOCAL_ORIGIN.match(origin):
            return False
        if origin:
            exchange.extra_headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        return not self._loopback or is_local_host(exchange.request.headers.get("host", ""))

    async def _run(self, route: Route, exchange: Exchange) -> None:
        try:
            await route(exchange)
        except ApiError as error:
            await _send_error(exchange, error)
        except RunnerError as error:
            await _send_error(exchange, ApiError(error.status, error.body, late=True))
        except RunnerGoneError:
            await _send_error(exchange, ApiError(500, CRASHED, late=True))

    async def _root(self, exchange: Exchange) -> None:
        await exchange.send(200, b"Ollama is running", f"{TEXT}; charset=utf-8")

    async def _version(self, exchange: Exchange) -> None:
        await exchange.send(200, encode({"version": VERSION}))

    async def _tags(self, exchange: Exchange) -> None:
        listed = await asyncio.to_thread(self._model.listed)
        await exchange.send(200, encode({"models": [listed]}))

    async def _ps(self, exchange: Exchange) -> None:
        runner = await self._residency.loaded()
        running = []
        if runner:
            expires_at = self._residency.expires_at
            running = [
                await asyncio.to_thread(
                    self._model.running, runner.launch.num_ctx, self._parallel, expires_at
                )
            ]
        await exchange.send(200, encode({"models": running}))

    async def _show(self, exchange: Exchange) -> None:
        data = read_object(exchange.request.body)
        name = str(data.get("model") or data.get("name") or "")
        if not name:
            raise ApiError(400, "model is required")
        self._require(name if ":" in name else f"{name}:latest")
        shown = await asyncio.to_thread(self._model.shown)
        await exchange.send(200, encode(shown))

    async def _pull(self, exchange: Exchange) -> None:
        data = read_object(exchange.request.body)
        name = str(data.get("model") or data.get("name") or "")
        if not name:
            raise ApiError(400, "invalid model name")
        check_name(name)
        if data.get("stream") is False:
            await exchange.send(500, encode({"error": NO_PULL}), "application/json")
            return
        await exchange.line({"status": "pulling manifest"})
        await exchange.line({"error": NO_PULL})
        await exchange.end()

    async def _refuse(self, exchange: Exchange) -> None:
        verb = exchange.request.path.removeprefix("/api/")
        raise ApiError(400, SINGLE_MODEL.format(verb))

    async def _embed(self, exchange: Exchange) -> None:
        data = read_object(exchange.request.body)
        name = str(data.get("model", ""))
        if not is_model(name):
            raise ApiError(404, f'model "{name}" not found, try pulling it first')
        if data.get("input") not in (None, "", []):
            raise ApiError(501, NO_EMBEDDINGS)
        await exchange.send(200, encode({"model": name, "embeddings": []}))

    async def _embeddings(self, exchange: Exchange) -> None:
        self._require(str(read_object(exchange.request.body).get("model", "")))
        raise ApiError(500, NO_EMBEDDINGS)

    async def _chat(self, exchange: Exchange) -> None:
        ask = read_chat(exchange.request.body)
        await self._answer(exchange, ask, Answer(ask.model, chat=True))

    async def _generate(self, exchange: Exchange) -> None:
        ask = read_generate(exchange.request.body)
        await self._answer(exchange, ask, Answer(ask.model, chat=False))

    def _require(self, name: str) -> None:
        check_name(name)
        if not is_model(name):
            raise ApiError(404, f"model '{name}' not found")

    async def _answer(self, exchange: Exchange, ask: Ask, answer: Answer) -> None:
        self._require(ask.model)
        if not ask.messages and ask.keep_alive == 0:
            await self._residency.unload()
            await exchange.send(200, encode(answer.done("unload")))
            return
        check_capabilities(ask)
        check_options(ask.options)
        async with self._residency.slot(self._launch(ask), ask.keep_alive) as slot:
            if not ask.messages:
                await exchange.send(200, encode(answer.done("load")))
                return
            check_content(ask)
            last = await self._compute(exchange, ask, answer, slot)
        if ask.stream:
            await exchange.end()
        else:
            await exchange.send(200, encode(answer.whole(last)))

    def _launch(self, ask: Ask) -> Launch:
        num_ctx = integer(ask.options, "num_ctx", DEFAULT_CONTEXT)
        fitting = min(max(num_ctx, 4), self._model.max_context)
        return Launch(str(self._model.path), fitting, self._parallel, ask.shift)

    async def _compute(self, exchange: Exchange, ask: Ask, answer: Answer, slot: Slot) -> dict[str, Any]:
        """Returns the last line, sent already if the answer is streamed; a clean end has no `done` in it."""

        async def emit(text: str) -> None:
            answer.pieces.append(text)
            if ask.stream:
                await exchange.line(answer.line(text))

        prompt = await fit(ask, slot.runner)
        body = completion_body(ask, prompt, slot.runner.launch.num_ctx)
        async with aclosing(slot.runner.complete(body)) as events:
            async for event in events:
                if not event["stop"] and answer.stuck(event["content"]):
                    return answer.line("")
                if event["content"]:
                    await emit(event["content"])
        numbers = answer.numbers(event, slot.load_ns)
        if answer.chat and not ask.format and (label := label_for(ask.messages, answer.text)):
            await emit(label)
        if not answer.chat and not ask.raw:
            numbers = {"context": await _context(ask, answer, slot, prompt), **numbers}
        last = answer.done("length" if event["stop_type"] == "limit" else "stop", numbers)
        if ask.stream:
            await exchange.line(last)
        return last


async def _context(ask: Ask, answer: Answer, slot: Slot, prompt: str | list[int]) -> list[int]:
    read = await slot.runner.tokens(prompt) if isinstance(prompt, str) else prompt
    return read + await slot.runner.tokens(answer.text)


async def _send_error(exchange: Exchange, error: ApiError) -> None:
    body = {"error": error.text}
    if exchange.streaming:
        await exchange.line(body)
        await exchange.end()
    elif error.late and _streams(exchange):
        await exchange.send_chunked(error.status, encode(body), "application/json")
    else:
        await exchange.send(error.status, encode(body), JSON)


def _streams(exchange: Exchange) -> bool:
    return json.loads(exchange.request.body).get("stream") is not False


def is_model(name: str) -> bool:
    """Returns whether a name, short or full, means the one model there is."""
    return FULL_NAME.endswith(f"/{name.lower().removeprefix('registry.ollama.ai/')}") and NAME in name.lower()


def is_local_host(header: str) -> bool:
    """Returns whether Ollama on loopback answers to this Host header: addresses and local names."""
    name = header.rsplit("]", 1)[0].strip("[") if header.startswith("[") else header.rsplit(":", 1)[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in ("", "localhost") or name.lower().endswith(LOCAL_SUFFIXES)
    return True


def check_capabilities(ask: Ask) -> None:
    """Raises ApiError 400 for what this model cannot do."""
    if ask.tools:
        raise ApiError(400, f"{FULL_NAME} does not support tools")
    if ask.suffix:
        raise ApiError(400, f"{FULL_NAME} does not support insert")
    if ask.think:
        raise ApiError(400, f'"{ask.model}" does not support thinking')


def check_content(ask: Ask) -> None:
    """Raises ApiError for pictures and for shapes that no answer can have."""
    if ask.has_images:
        message = "Multimodal data provided, but model does not support multimodal requests."
        raise ApiError(400, _nested(message), late=True)
    if ask.format in (None, "", "json"):
        return
    if not isinstance(ask.format, dict):
        quoted = json.dumps(json.dumps(ask.format))
        raise ApiError(
            500, f'invalid format: {quoted}; expected "json" or a valid JSON Schema object', late=True
        )
    if unknown := _unrecognized(ask.format):
        start = "Field 'json_schema': \"json_schema\": JSON schema conversion failed:\nUnrecognized schema: "
        raise ApiError(400, _nested(start + json.dumps(unknown, separators=(",", ":"))), late=True)


def _nested(message: str) -> str:
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":"))


def _unrecognized(schema: Any) -> dict[str, Any] | None:
    """Returns the first part of a schema whose type is none of JSON's."""
    if not isinstance(schema, dict):
        return None
    kinds = schema.get("type", [])
    if not all(kind in JSON_TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
        return schema
    properties = schema.get("properties")
    parts = [*(properties.values() if isinstance(properties, dict) else []), schema.get("items")]
    for name in ("anyOf", "oneOf", "allOf"):
        parts += schema[name] if isinstance(schema.get(name), list) else []
    return next((found for part in parts if (found := _unrecognized(part))), None)
