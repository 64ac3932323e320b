"""Connections to Redis, and the names of everything kept there."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

__all__ = ["RedisError", "client", "key", "open_async_client"]

# Above the longest blocking read: redis-py's own 5 s would end it on an idle connection.
SOCKET_TIMEOUT = 15


def key(*parts: object) -> str:
    """Return the key made of `parts` under the app's prefix."""
    return ":".join([settings.REDIS_PREFIX, *map(str, parts)])


@cache
def client() -> Any:
    """Return this process's shared client; replies are text. Calls raise RedisError."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        max_connections=1024,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=2,
    )
    return redis.Redis(connection_pool=pool)


def open_async_client() -> Any:
    """Return a client for the running event loop; its owner closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        max_connections=1024,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=2,
    )


class Pipe:
    """One connection for one thread that writes small batches all the time.

    A pipeline of the client's costs several times what the batch itself does: pool, retries
    and bookkeeping for each. Here a batch is packed, sent and read, and nothing else.
    """

    def __init__(self) -> None:
        self._connection: Any = None

    def execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Return each command's reply, in order. Raises RedisError; then nothing is known of any of them."""
        if self._connection is None:
            self._connection = client().connection_pool.make_connection()
        connection = self._connection
        try:
            connection.connect()
            connection.send_packed_command(connection.pack_commands(commands))
            return [connection.read_response() for _ in commands]
        except BaseException:
            connection.disconnect()  # a late reply must not answer the next batch
            raise
