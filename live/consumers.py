"""The one websocket: joins, leaves and stops in, frames out."""

from __future__ import annotations

import asyncio
import json

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from live import kinds, log
from live.redis import RedisError
from live.tail import BEGINNING, DOOR, SIGNED_OUT, Following, Mailbox, tail, watch_door

NOT_SIGNED_IN = 4401
ASK_AGAIN = 4403  # the rights have changed: whoever still has some connects anew
MOST_FOLLOWED = 64  # streams a socket may follow


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Relays the live log to one page; all that it sends waits in one mailbox."""

    # No channel layer: news come from the log, and a layer's receive would end the socket with Redis.
    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Accept a signed-in person."""
        self.followed: dict[tuple[str, str], Following] = {}
        self.relay: asyncio.Task[None] | None = None
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        self.mailbox = Mailbox()
        self.door = await watch_door(self.mailbox, self.scope["user"].pk)
        self.relay = asyncio.create_task(self._relay())

    async def disconnect(self, code: int) -> None:
        """Let go of everything that was followed."""
        if self.relay:
            self.relay.cancel()
            tail().leave(self.door)
        for following in self.followed.values():
            tail().leave(following)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what one client frame asks; a bad frame is answered, never fatal."""
        frame = _parse(text_data)
        kind = kinds.get(frame.get("kind"))
        identity = frame.get("id")
        if self.relay is None or kind is None or not isinstance(identity, int | str):
            self._refuse(frame, "invalid", "This frame is not understood.")
            return
        if frame.get("op") == "join":
            await self._join(kind, identity, str(frame.get("after") or BEGINNING))
        elif frame.get("op") == "leave":
            self._leave(kind, identity)
        elif frame.get("op") == "stop" and kind.stop:
            await database_sync_to_async(kind.stop)(self.scope["user"], str(identity))
        else:
            self._refuse(frame, "invalid", "This frame is not understood.")

    async def _join(self, kind: kinds.Kind, identity: int | str, after: str) -> None:
        named: log.Frame = {"kind": kind.name, "id": identity}
        if not log.is_seq(after) or len(self.followed) >= MOST_FOLLOWED:
            self._refuse(named, "invalid", "This frame is not understood.")
            return
        found = await database_sync_to_async(kind.find)(self.scope["user"], str(identity))
        if found is None:
            self._refuse(named, "not_found", "There is no such thing here.")
            return
        self._leave(kind, identity)
        try:
            await self._follow(kind, named, after, found)
        except RedisError:
            self._refuse(named, "unavailable", "The log cannot be read now; join again in a moment.")

    async def _follow(self, kind: kinds.Kind, named: log.Frame, after: str, found: kinds.Followed) -> None:
        stream = log.stream_key(kind.name, found.identity)
        if found.over:
            await self._replay_ended(stream, named, after, found.over)
            return
        self.followed[(kind.name, str(named["id"]))] = await tail().join(
            self.mailbox,
            stream=stream,
            kind=kind.name,
            identity=named["id"],
            after=after,
            history=kind.history,
        )

    async def _replay_ended(self, stream: str, named: log.Frame, after: str, over: log.Frame) -> None:
        """Tell what the log still has; the row is final, so an end follows even when the log is gone."""
        frames = await tail().replay(stream, after)
        for frame in frames:
            self.mailbox.put({**named, **frame})
        if not frames or frames[-1]["type"] != "end":
            self.mailbox.put({**named, "seq": after, "type": "end", **over})

    def _leave(self, kind: kinds.Kind, identity: int | str) -> None:
        following = self.followed.pop((kind.name, str(identity)), None)
        if following:
            tail().leave(following)

    def _refuse(self, frame: log.Frame, code: str, message: str) -> None:
        named: log.Frame = {name: frame[name] for name in ("kind", "id") if name in frame}
        if self.relay:
            self.mailbox.put({**named, "type": "error", "code": code, "message": message})

    async def _relay(self) -> None:
        while True:
            for frame in await self.mailbox.take():
                if frame.get("kind") != DOOR:
                    await self.send(text_data=log.encode(frame))
                elif frame["type"] == SIGNED_OUT:
                    await self.close(ASK_AGAIN)
                    return


def _parse(text: str | None) -> log.Frame:
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}
