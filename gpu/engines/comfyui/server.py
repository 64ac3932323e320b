"""The engine behind a socket."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gpu.engines.comfyui.api import routes
from gpu.engines.comfyui.catalog import MOST_UPLOADED
from gpu.engines.comfyui.engine import Engine

TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"


@web.middleware
async def trouble(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 500 as aiohttp does for what ComfyUI trips over, without a traceback in the log."""
    try:
        return await handler(request)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OSError, RecursionError):
        answer = web.Response(status=500, text=TROUBLE)
        answer.force_close()
        return answer


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what a browser sends for another site, as ComfyUI does where Host is loopback."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" or _foreign(request):
        return web.Response(status=403)
    return web.Response() if request.method == "OPTIONS" else await handler(request)


def _foreign(request: web.Request) -> bool:
    host, origin = urlsplit(f"//{request.headers.get('Host', '')}"), request.headers.get("Origin", "")
    here, there = urlsplit(origin).netloc.lower(), host.netloc.lower()
    if not here or not there or not _is_loopback(host.hostname or ""):
        return False
    return here != (there if urlsplit(origin).port else host.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def application(engine: Engine, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Returns the app; `middlewares` stand before everything else."""
    app = web.Application(client_max_size=MOST_UPLOADED, middlewares=[*middlewares, trouble, same_origin])
    app.add_routes(routes(engine))
    return app


@contextlib.asynccontextmanager
async def serving(
    engine: Engine, host: str, port: int, middlewares: Sequence[Middleware] = ()
) -> AsyncIterator[int]:
    """Serves and computes inside the block; yields the port. Raises OSError. Then breaks connections."""
    runner = web.AppRunner(
        application(engine, middlewares), access_log=None, shutdown_timeout=0.1, handler_cancellation=True
    )
    await runner.setup()
    worker: asyncio.Task[None] | None = None
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        worker = asyncio.create_task(engine.run())
        yield runner.addresses[0][1]
        await site.stop()
    finally:
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await _hang_up(runner)
        await runner.cleanup()
        await asyncio.sleep(0.01)  # for what came in meanwhile


async def _hang_up(runner: web.AppRunner) -> None:
    """Breaks the connections, and lets the loop see that they are gone."""
    for _ in range(20):
        for connection in list(runner.server.connections if runner.server else []):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0.001)
