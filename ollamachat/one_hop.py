"""Django under ASGI with one change of threads a request."""

from __future__ import annotations

import asyncio
import threading

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneHopHandler(ASGIHandler):
    """Runs the whole synchronous middleware chain and the view in one thread.

    Django's own handler goes back and forth between loop and thread for every middleware
    that exists in one kind only; here all views are synchronous, and a streaming response
    is still iterated on the loop.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain as a WSGI server would."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response of the chain, run in the request's own thread.

        `request.left` tells a view that waits long that its client has hung up.
        """
        request.left = threading.Event()  # type: ignore[attr-defined]
        try:
            response: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(
                request
            )
        except asyncio.CancelledError:
            request.left.set()  # type: ignore[attr-defined]
            raise
        return response
