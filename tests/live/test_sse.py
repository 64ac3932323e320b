"""The live log as events for scripts."""

from __future__ import annotations

import asyncio

import pytest

from live import log, sse
from live.scribe import scribe
from live.tail import tail
from tests.live.test_tail import close

TYPES = ["event: status", "event: preview", "event: image", "event: end"]


async def events(without: tuple[str, ...]) -> list[str]:
    response = sse.respond(kind="job", identity=7, after="", user_id=7, without=without)
    body = b"".join([part async for part in response.streaming_content])
    await close(tail())
    return [line for line in body.decode().splitlines() if line.startswith("event")]


@pytest.mark.parametrize("without", [(), ("preview",)])
def test_what_nobody_asked_for_is_left_out(without: tuple[str, ...]) -> None:
    line = scribe().open("job", 7)
    line.tell("status", status="rendering")
    line.tell("preview", data="…")
    line.tell("image", url="/media/x")
    line.end(status="done")
    assert log.stream_key("job", 7)
    told = asyncio.run(asyncio.wait_for(events(without), 10))
    assert told == [name for name in TYPES if name.removeprefix("event: ") not in without]
