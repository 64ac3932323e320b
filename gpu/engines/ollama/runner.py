"""The parent's hand on the child that holds the model: start it, ask it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gpu.engines.ollama.errors import RunnerError, RunnerGoneError

ROOT = Path(__file__).resolve().parents[3]
MAX_THREADS = 2  # the app and the database share the machine's cores with the toy
MAX_LINE = 16 * 1024 * 1024  # the last event of an answer repeats its whole prompt


@dataclass(frozen=True)
class Launch:
    """What is fixed when a model is loaded; a request that needs another value reloads it."""

    path: str
    num_ctx: int
    parallel: int
    shift: bool


class Runner:
    """A loaded model in a process of its own."""

    def __init__(self, launch: Launch, process: asyncio.subprocess.Process, port: int, key: str) -> None:
        self.launch = launch
        self._process = process
        self._port = port
        self._key = key

    @classmethod
    async def start(cls, launch: Launch) -> Runner:
        """Returns the loaded model; raises RunnerGoneError. Cancelling it ends the half-loaded child."""
        key = secrets.token_urlsafe(24)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gpu.engines.ollama.child",
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            url = await _greet(process, launch, key)
        except BaseException:
            await _kill(process)
            raise
        return cls(launch, process, urlsplit(url).port or 0, key)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def stop(self) -> None:
        """Ends the child; on return its memory is free."""
        await _kill(self._process)

    async def tokens(self, text: str) -> list[int]:
        """Returns the ids that the model reads `text` as."""
        body = {"content": text, "add_special": True, "parse_special": True}
        async with self._ask("/tokenize", body) as reader:
            ids: list[int] = json.loads(await _rest(reader))["tokens"]
            return ids

    async def complete(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yields llama.cpp's events, the last one with `stop`: closing the iterator stops the computation.

        Raises RunnerError when it refuses, RunnerGoneError when it dies in the middle.
        """
        async with self._ask("/completion", {**body, "stream": True}) as reader:
            async for line in _lines(reader):
                if line.startswith(b"data: {"):
                    event: dict[str, Any] = json.loads(line[6:])
                    if "error" in event:
                        raise RunnerError(int(event["error"].get("code", 500)), line[6:].decode())
                    yield event
                    if event["stop"]:
                        return
        raise RunnerGoneError

    @contextlib.asynccontextmanager
    async def _ask(self, path: str, body: dict[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=MAX_LINE)
            writer.write(head.encode() + data)
            await _check_status(reader)
            yield reader
        except (OSError, asyncio.IncompleteReadError) as error:
            raise RunnerGoneError from error
        finally:
            if writer is not None:
                writer.close()


async def _greet(process: asyncio.subprocess.Process, launch: Launch, key: str) -> str:
    assert process.stdin  # noqa: S101 - both are pipes, by the call above
    assert process.stdout  # noqa: S101
    settings = {
        "path": launch.path,
        "num_ctx": launch.num_ctx,
        "parallel": launch.parallel,
        "shift": launch.shift,
        "threads": min(MAX_THREADS, os.cpu_count() or 1),
        "key": key,
    }
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    greeting = await process.stdout.readline()
    if not greeting:
        raise RunnerGoneError
    url: str = json.loads(greeting)["url"]
    return url


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _check_status(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status != 200:
        raise RunnerError(status, (await _rest(reader)).decode())


async def _rest(reader: asyncio.StreamReader) -> bytes:
    # These answers carry a Content-Length and the connection closes after them: their end is the end.
    return await reader.read(-1)


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yields the lines of a chunked body; chunks need not end where lines do."""
    pending = b""
    while size := int(await reader.readline() or b"0", 16):
        *lines, pending = (pending + await reader.readexactly(size)).split(b"\n")
        await reader.readline()
        for line in lines:
            yield line
