"""The reader of the live log: one blocking read a web process for all who follow.

A follower's mailbox gets frames in order, none twice: who joins a stream that is
read already replays it first and drops what the shared read brings again. What
waits in a mailbox is joined, so a slow line gets fewer and longer frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from live import log
from live.redis import RedisError, key, open_async_client

logger = logging.getLogger(__name__)

BLOCK = 5000  # milliseconds of one blocking read
WAKE_KEPT = 60  # seconds that an unused wake stream stays in Redis
CALM = 50  # streams that need no pause between reads
PAUSE_EACH = 0.0006  # seconds of pause for each stream above that
LONGEST_PAUSE = 0.1
LONGEST_RETRY = 2.0
REPLAY_WAITS = (0.05, 0.2, 0.5, 1.0, 2.0, 3.0)  # seconds between tries
BEGINNING = "0"
DOOR = "door"
SIGNED_OUT = "signed_out"


def order(seq: str) -> tuple[int, int]:
    """Return a stream id as numbers, which sort as the entries do."""
    moment, _, number = seq.partition("-")
    return int(moment or 0), int(number or 0)


class Mailbox:
    """The frames that wait for one follower."""

    def __init__(self) -> None:
        self._frames: list[log.Frame] = []
        self._arrived = asyncio.Event()

    def put(self, frame: log.Frame) -> None:
        log.add_frame(self._frames, frame)
        self._arrived.set()

    async def take(self) -> list[log.Frame]:
        """Return all that waits, as soon as anything does."""
        await self._arrived.wait()
        self._arrived.clear()
        frames, self._frames = self._frames, []
        return frames


@dataclass(eq=False)
class Following:
    """One follower of one stream, under the name that the follower uses for it."""

    stream: str
    kind: str
    identity: Any
    mailbox: Mailbox
    seen: str
    held: list[log.Frame] | None = None

    def is_at(self, seq: str) -> bool:
        """Whether it has all up to there at most; one whose replay went further takes a read in pieces."""
        return self.held is None and order(self.seen) <= order(seq)

    def deliver(self, frame: log.Frame) -> None:
        if self.held is not None:  # the replay comes first
            self.held.append(frame)
        elif order(frame["seq"]) > order(self.seen):
            self.seen = frame["seq"]
            self.mailbox.put({"kind": self.kind, "id": self.identity, **frame})

    def release(self, replay: list[log.Frame]) -> None:
        held, self.held = self.held or [], None
        for frame in [*replay, *held]:
            self.deliver(frame)


@dataclass
class Stream:
    """A stream that is read for its followers, and how far."""

    cursor: str
    followers: set[Following] = field(default_factory=set)


class Tail:
    """Reads every followed stream with one connection; lives in one event loop."""

    def __init__(self) -> None:
        self._redis = open_async_client()
        self._streams: dict[str, Stream] = {}
        self._wake_key = key("live", "wake", secrets.token_hex(8))
        self._wake_seen = BEGINNING
        self._reader: asyncio.Task[None] | None = None
        self._connection: Any = None

    async def join(
        self, mailbox: Mailbox, *, stream: str, kind: str, identity: Any, after: str, history: bool = True
    ) -> Following:
        """Follow `stream` from after the entry `after`; what was told since is replayed as one piece."""
        if after == BEGINNING and not history:
            after = await self._newest(stream)
            mailbox.put({"kind": kind, "id": identity, "type": "joined", "seq": after})
        following = Following(stream, kind, identity, mailbox, after)
        if known := self._streams.get(stream):
            following.held = []
            known.followers.add(following)
            try:
                following.release(await self.replay(stream, after))
            except RedisError:
                self.leave(following)
                raise
        else:
            self._streams[stream] = Stream(after, {following})
            await self._wake()
        return following

    async def replay(self, stream: str, after: str) -> list[log.Frame]:
        """Return what the log holds after the entry `after`. Raises RedisError when Redis stays away.

        A restart of Redis leaves broken connections in the pool, so the first failure says little;
        and to go on without the replay would be a gap.
        """
        for wait in REPLAY_WAITS:
            try:
                return log.read_frames(await self._redis.xrange(stream, min=f"({after}"))
            except RedisError as error:
                logger.warning("the live log could not be replayed, trying again: %s", error)
                await asyncio.sleep(wait)
        return log.read_frames(await self._redis.xrange(stream, min=f"({after}"))

    def leave(self, following: Following) -> None:
        """Stop following."""
        stream = self._streams.get(following.stream)
        if stream:
            stream.followers.discard(following)
            if not stream.followers:
                del self._streams[following.stream]

    async def _newest(self, stream: str) -> str:
        try:
            newest = await self._redis.xrevrange(stream, count=1)
        except RedisError:
            return BEGINNING
        return str(newest[0][0]) if newest else BEGINNING

    async def _wake(self) -> None:
        """End the blocking read, so that the next one has the new stream in it."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_forever())
            return
        with contextlib.suppress(RedisError):  # the reader retries by itself then
            pipe = self._redis.pipeline(transaction=False)
            pipe.xadd(self._wake_key, {"f": "1"}, maxlen=1)
            pipe.expire(self._wake_key, WAKE_KEPT)
            await pipe.execute()

    async def _read_forever(self) -> None:
        wait = 0.1
        while self._streams:
            try:
                await self._read_once()
                wait = 0.1
            except (RedisError, OSError) as error:
                logger.warning("the live log could not be read, trying again: %s", error)
                await asyncio.sleep(wait)
                wait = min(LONGEST_RETRY, wait * 2)
            except Exception:  # every open page hangs on this task
                logger.exception("the live log could not be read")
                await asyncio.sleep(LONGEST_RETRY)
            # Work that gathers is cheaper; below CALM streams nothing waits.
            await asyncio.sleep(min(LONGEST_PAUSE, max(0, len(self._streams) - CALM) * PAUSE_EACH))

    async def _read_once(self) -> None:
        cursors = {name: stream.cursor for name, stream in self._streams.items()}
        cursors[self._wake_key] = self._wake_seen
        for name, entries in await self._read(cursors):
            if name == self._wake_key:
                self._wake_seen = entries[-1][0]
            elif stream := self._streams.get(name):
                before, stream.cursor = stream.cursor, entries[-1][0]
                frames, pieces = log.read_frames(entries), log.read_pieces(entries)
                for follower in tuple(stream.followers):
                    for frame in frames if follower.is_at(before) else pieces:
                        follower.deliver(frame)

    async def _read(self, cursors: dict[str, str]) -> list[tuple[str, list[log.Entry]]]:
        """Wait for entries past the cursors, on a connection of the reader's own."""
        if self._connection is None:
            self._connection = self._redis.connection_pool.make_connection()
        connection = self._connection
        try:
            await connection.connect()
            await connection.send_command("XREAD", "BLOCK", BLOCK, "STREAMS", *cursors, *cursors.values())
            told = await connection.read_response(timeout=2 * BLOCK / 1000)
        except BaseException:
            await connection.disconnect()  # a late reply must not answer the next read
            raise
        streams = told.items() if isinstance(told, dict) else told or []  # RESP3 and RESP2
        return [(name, [_entry(*entry) for entry in entries]) for name, entries in streams]


def _entry(seq: str, fields: list[str]) -> log.Entry:
    return seq, dict(zip(fields[::2], fields[1::2], strict=True))


_tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()


def tail() -> Tail:
    """Return the running loop's tail."""
    loop = asyncio.get_running_loop()
    if loop not in _tails:
        _tails[loop] = Tail()
    return _tails[loop]


async def watch_door(mailbox: Mailbox, user_id: int) -> Following:
    """Hear, on the stream of a person's own events, that they were put out; its frames are of kind `door`."""
    stream = log.stream_key("user", user_id)
    return await tail().join(
        mailbox, stream=stream, kind=DOOR, identity=user_id, after=BEGINNING, history=False
    )


async def follow(
    *, stream: str, kind: str, identity: Any, after: str, user_id: int
) -> AsyncIterator[log.Frame | None]:
    """Yield a stream's frames until its end, or until the person who reads it is put out.

    None each 15 s of silence, for a sign of life.
    """
    reader, mailbox = tail(), Mailbox()
    door = await watch_door(mailbox, user_id)
    following = await reader.join(mailbox, stream=stream, kind=kind, identity=identity, after=after)
    try:
        while True:
            try:
                frames = await asyncio.wait_for(mailbox.take(), 15)
            except TimeoutError:
                yield None
                continue
            for frame in frames:
                if frame["kind"] == DOOR:
                    if frame["type"] == SIGNED_OUT:
                        return
                    continue
                yield frame
                if frame["type"] == "end":
                    return
    finally:
        reader.leave(following)
        reader.leave(door)
