"""HTTP to a service, by `requests`, whose socket can be shut down from another thread.

Closing a streamed response does not free a blocked read; shutting its socket down
does, within a millisecond, and also before any header has come.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from gpu.services import errors
from live import tracing

CONNECT_TIMEOUT = 5.0  # seconds
# A service may say nothing for minutes while a model loads, so reads have no
# timeout: a host that vanished is told by TCP itself, after about a minute.
KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}.items()
        if hasattr(socket, name)
    ),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]


class HungUpError(Exception):
    """We ended the call ourselves."""


def unanswered(error: Exception, url: str) -> errors.ServiceDownError:
    """Return what it means that a call brought no answer: silence, nobody there, or a broken connection."""
    if isinstance(error, requests.ReadTimeout):
        return errors.ServiceHangsError(str(error), url=url)
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return errors.ServiceAbsentError(str(error), url=url)
    return errors.ServiceDownError(str(error), url=url)


class Call:
    """One HTTP call that any thread may end by `hang_up`."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.hung_up = False

    def hang_up(self) -> None:
        """Shut the connection down; a blocked read returns at once, a later connect fails."""
        with self._lock:
            self.hung_up = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def hold(self, connected: socket.socket) -> None:
        """Take the call's socket as soon as it is connected."""
        with self._lock:
            self._socket = connected
            if self.hung_up:
                connected.close()
                raise HungUpError

    def post(self, url: str, body: dict[str, Any]) -> requests.Response:
        """POST and return the response with its body unread. Raises requests' errors, HungUpError."""
        session = requests.Session()
        session.trust_env = False  # a proxy of the environment is not meant for a service at home
        adapter = _Adapter(self)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        timeout = (CONNECT_TIMEOUT, None)
        return session.post(url, json=body, stream=True, timeout=timeout, headers=tracing.headers())


class _Adapter(HTTPAdapter):
    """An adapter whose connections hand their socket to the call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        super().__init__(pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, socket_options=KEEPALIVE, **kwargs)
        call = self._call

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                call.hold(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                call.hold(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
