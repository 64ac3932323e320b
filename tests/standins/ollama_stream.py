"""How the scripted Ollama plays one answer, faults included, to the byte."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from tests.standins.ollama_script import (
    Fault,
    Script,
    count_tokens,
    echo,
    example,
    pieces,
    rest_of,
    stamp,
)
from tests.standins.wire import Pacer, Reply, encode

BUSY = "server busy, please try again.  maximum pending requests exceeded"
DRIP_PAUSE = 0.0005
HELD_LOOK = 0.01  # seconds between two looks whether it may go on


def nested(message: str, kind: str = "invalid_request_error", **more: int) -> str:
    """Returns an error of the model's process as Ollama passes it on: JSON inside a string."""
    return encode({"error": {"code": 400, "message": message, "type": kind, **more}}).decode()


def too_long(count: int, num_ctx: int) -> str:
    """Returns what a prompt past the window is answered with."""
    return nested(
        f"request ({count} tokens) exceeds the available context size ({num_ctx} tokens), try increasing it",
        "exceed_context_size_error",
        n_prompt_tokens=count,
        n_ctx=num_ctx,
    )


class Answer:
    """One answer's lines: /api/chat and /api/generate differ only in where the text stands."""

    def __init__(self, reply: Reply, script: Script, *, load_ns: int = 0) -> None:
        self.body = reply.call.body
        self.chat = reply.call.path == "/api/chat"
        self.model = reply.call.model
        self.script = script
        self.load_ns = load_ns
        self.started = time.time()

    @property
    def messages(self) -> list[dict[str, Any]]:
        if self.chat:
            return list(self.body.get("messages") or [])
        return [{"role": "user", "content": self.body.get("prompt", "")}]

    def tokens(self) -> list[str]:
        """Returns what there is to say, except for timed answers, whose tokens are made as they leave."""
        if self.script.tokens is not None:
            if not self._continues():
                return list(self.script.tokens)
            return pieces(rest_of("".join(self.script.tokens), self.messages))
        wanted = self.body.get("format")
        if wanted and self.script.fault is not Fault.IGNORES_FORMAT:
            question = str(self.messages[-1].get("content", ""))[:40]
            return pieces(encode(example(wanted, question)).decode())
        return pieces(rest_of(echo(self.messages), self.messages))

    def line(self, text: str, thinking: str | None = None) -> bytes:
        """Returns a line that carries some text."""
        return encode(self._object(text, thinking) | {"done": False}) + b"\n"

    def tools_line(self) -> bytes:
        """Returns the line in which the model wants tools called."""
        told = self._object("", None)
        told["message"]["tool_calls"] = self._tool_calls()
        return encode(told | {"done": False}) + b"\n"

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {"id": f"call_{at:08x}", "function": {"index": at, **call}}
            for at, call in enumerate(self.script.tool_calls)
        ]

    def whole(self, text: str, thinking: str, count: int) -> dict[str, Any]:
        """Returns the one object of an answer that is not streamed."""
        told = self._object(text, thinking or None) | self._end(count)
        if self.script.tool_calls:
            told["message"]["tool_calls"] = self._tool_calls()
        return told

    def only(self, reason: str) -> dict[str, Any]:
        """Returns the answer to a request that only loads or unloads."""
        return self._object("", None) | {"done": True, "done_reason": reason}

    def last(self, count: int) -> bytes:
        """Returns the line that ends a good answer."""
        return encode(self._object("", None) | self._end(count)) + b"\n"

    @property
    def timed_count(self) -> int:
        """The tokens of a timed answer, which a request may bound."""
        bound = (self.body.get("options") or {}).get("num_predict") or 0
        return min(self.script.count, bound) if bound > 0 else self.script.count

    def timed_line(self) -> bytes:
        """Returns a line whose text is the moment at which it leaves."""
        now = time.time()
        text = f'"message":{{"role":"assistant","content":"{now:.6f} "}}'
        return f'{{"model":"{self.model}","created_at":"{stamp(now)}",{text},"done":false}}\n'.encode()

    def _continues(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("role") == "assistant"

    def _object(self, text: str, thinking: str | None) -> dict[str, Any]:
        thought = {} if thinking is None else {"thinking": thinking}
        body = {"message": {"role": "assistant", "content": text, **thought}}
        return {
            "model": self.model,
            "created_at": stamp(time.time()),
            **(body if self.chat else {"response": text, **thought}),
        }

    def _end(self, count: int) -> dict[str, Any]:
        if self.script.fault is Fault.NO_DONE:
            return {"done": False}
        spent = int((time.time() - self.started) * 1e9)
        return {
            "done": True,
            "done_reason": "length"
            if self.script.timed and count < self.script.count
            else self.script.done_reason,
            "total_duration": spent + self.load_ns,
            "load_duration": max(self.load_ns, 1),
            "prompt_eval_count": count_tokens(self.messages),
            "prompt_eval_duration": 1_000_000,
            "eval_count": count,
            "eval_duration": max(spent, 1),
        }


def refuse(reply: Reply, script: Script) -> bool:
    """Answers a fault that comes before any token; returns whether there was one."""
    errors = {
        Fault.NOT_FOUND: (404, f"model '{reply.call.model}' not found"),
        Fault.SERVER_ERROR: (500, script.error),
        Fault.QUEUE_FULL: (503, BUSY),
        Fault.CONTEXT: (400, too_long(6012, 4096)),
    }
    if script.fault is Fault.FORBIDDEN:
        reply.send(403, b"", "")
    elif script.fault is Fault.GARBAGE:
        reply.write(b"\x16\x03\x01\xff this is no HTTP \x00\r\n\r\n")
        reply.close()
    elif script.fault in errors:
        status, text = errors[script.fault]
        reply.json(status, {"error": text})
    else:
        return False
    return True


async def play(reply: Reply, answer: Answer, pacer: Pacer) -> None:
    """Answers a chat or generate request as its script says."""
    script = answer.script
    silence = script.seconds if script.fault is Fault.SILENT else 0.0
    if script.first_byte_after or silence:
        await asyncio.sleep(script.first_byte_after + silence)
    if refuse(reply, script):
        return
    if answer.body.get("stream") is False:
        await _play_whole(reply, answer, pacer)
    elif script.fault is Fault.COALESCED:
        lines = [answer.line(text) for text in answer.tokens()]
        reply.chunk(b"".join([*lines, answer.last(len(lines))]))
        reply.end()
    else:
        await _play_lines(reply, answer, pacer)


async def _play_whole(reply: Reply, answer: Answer, pacer: Pacer) -> None:
    script, tokens = answer.script, answer.tokens()
    if script.fault in (Fault.RESET, Fault.CLOSE, Fault.HALF_LINE):
        reply.reset()
    elif script.fault is Fault.ERROR_LINE:
        reply.json(500, {"error": script.error})
    else:
        await _while_held(script, len(tokens))
        if script.rate:
            await pacer.until(asyncio.get_running_loop().time() + len(tokens) / script.rate)
        reply.json(200, answer.whole("".join(tokens), "".join(script.thinking), len(tokens)))


async def _play_lines(reply: Reply, answer: Answer, pacer: Pacer) -> None:
    count = 0
    async for line in _lines(answer, pacer):
        if count == answer.script.after and await _break(reply, answer, line):
            return
        await _send(reply, line, answer.script.fault)
        count += 1
        reply.call.tokens_sent = count
    if answer.script.fault is not Fault.NO_DONE:
        await _send(reply, answer.last(count), answer.script.fault)
    reply.end()
    await reply.drain()


async def _lines(answer: Answer, pacer: Pacer) -> AsyncIterator[bytes]:
    """Yields the lines at their pace: the n-th leaves n / rate after the first."""
    script = answer.script
    if script.timed:
        made = (answer.timed_line for _ in range(answer.timed_count))
    else:
        texts = [(" ", thought) for thought in script.thinking] + [(text, None) for text in answer.tokens()]
        made = (_maker(answer, text, thought) for text, thought in texts)
    started = asyncio.get_running_loop().time()
    for number, make in enumerate(made):
        await _while_held(script, number)
        if script.rate:
            await pacer.until(started + number / script.rate)
        yield make()
    if script.tool_calls:
        yield answer.tools_line()


async def _while_held(script: Script, number: int) -> None:
    while script.hold_at is not None and number >= script.hold_at:  # noqa: ASYNC110 - a thread ends it
        await asyncio.sleep(HELD_LOOK)


def _maker(answer: Answer, text: str, thought: str | None) -> Any:
    return lambda: answer.line("" if thought is not None else text, thought)


async def _send(reply: Reply, line: bytes, fault: Fault | None) -> None:
    if fault is Fault.SPLIT_UTF8:
        await _send_split(reply, line)
    elif fault is Fault.DRIP:
        if not reply.begun:
            reply.begin()
        for byte in b"%x\r\n%b\r\n" % (len(line), line):
            reply.write(bytes([byte]))
            await asyncio.sleep(DRIP_PAUSE)
    else:
        reply.chunk(line)


async def _send_split(reply: Reply, line: bytes) -> None:
    """Sends a line in two chunks and two packets, cut inside a letter if it has one of several bytes."""
    cut = next((place + 1 for place, byte in enumerate(line) if byte >= 0xC0), len(line) // 2)
    reply.chunk(line[:cut])
    await reply.flush()
    reply.chunk(line[cut:])
    await reply.flush()


async def _break(reply: Reply, answer: Answer, line: bytes) -> bool:
    """Does what the script has for this moment; returns whether the answer ends with it."""
    fault = answer.script.fault
    await reply.drain()
    if fault is Fault.STALL:
        await asyncio.sleep(answer.script.seconds)
        return False
    if fault is Fault.GARBAGE_LINE:
        reply.chunk(b"<html>502 Bad Gateway</html>\n")
        return False
    if fault is Fault.RESET:
        await reply.flush()
        reply.reset()
    elif fault is Fault.CLOSE:
        reply.close()
    elif fault is Fault.HALF_LINE:
        reply.chunk(line[: len(line) // 2])
        reply.close()
    elif fault is Fault.HALF_LINE_END:
        reply.chunk(line[: len(line) // 2])
        reply.end()
    elif fault is Fault.ERROR_LINE:
        reply.chunk(encode({"error": answer.script.error}) + b"\n")
        reply.end()
    return fault in (Fault.RESET, Fault.CLOSE, Fault.HALF_LINE, Fault.HALF_LINE_END, Fault.ERROR_LINE)
