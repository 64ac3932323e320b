"""The Redis for where there is none: pure Python, in memory, for one household.

`python -m launch.fakeredis_server PORT` reads its password as the first line of stdin. fakeredis' own server
asks for no password, drops a client that reads slowly, and on Windows holds the reply to a blocking command
back until the client speaks again; the three are mended here.
"""

from __future__ import annotations

import hmac
import io
import select
import signal
import socket
import sys
from typing import Any

from fakeredis import FakeServer, TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler

PATIENCE = 10.0  # seconds for a client to sign in
LONGEST_WORD = 4096  # bytes of one argument before the sign-in
MOST_WORDS = 16


class Slow(io.BufferedIOBase):
    """Writes all of it to a socket that does not block."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: Any) -> int:
        """Send `data`, however slowly the client reads; returns its size in bytes."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._connection.send(left) :]
            except BlockingIOError:
                select.select([], [self._connection], [], 1)
        return memoryview(data).nbytes


class Handler(TCPFakeRequestHandler):
    """One client, let in after AUTH, or HELLO with AUTH, with the right password."""

    server: Server

    def setup(self) -> None:
        """Take the client in; raises OSError when it does not sign in."""
        self.request.settimeout(PATIENCE)
        sign_in = _let_in(self.request, self.server.password)
        self.request.settimeout(None)
        super().setup()
        self.connection.setblocking(False)
        self.writer.writer = Slow(self.connection)
        self.current_client.get_socket().sendall(sign_in)


def _let_in(connection: socket.socket, password: bytes) -> bytes:
    """Return the command with which the client has signed in."""
    while True:
        raw, words = _read_command(connection)
        if hmac.compare_digest(_offered(words), password):
            return raw
        connection.sendall(b"-NOAUTH Authentication required.\r\n")


def _offered(words: list[bytes]) -> bytes:
    """Return the password in AUTH [user] password, or HELLO version AUTH user password."""
    upper = [word.upper() for word in words]
    if upper[:1] == [b"AUTH"]:
        return words[-1]
    if upper[:1] == [b"HELLO"] and b"AUTH" in upper:
        return b"".join(words[upper.index(b"AUTH") + 2 :][:1])
    return b""


def _read_command(connection: socket.socket) -> tuple[bytes, list[bytes]]:
    """Return the next command and its words, and not a byte of what follows it."""
    line = _read_line(connection, b"*")
    raw, words = line, []
    for _ in range(min(int(line[1:]), MOST_WORDS)):
        line = _read_line(connection, b"$")
        word = _read(connection, min(int(line[1:]), LONGEST_WORD) + 2)
        raw += line + word
        words.append(word[:-2])
    return raw, words


def _read_line(connection: socket.socket, kind: bytes) -> bytes:
    line = _read(connection, 1)
    while not line.endswith(b"\r\n") and len(line) < 16:
        line += _read(connection, 1)
    if not (line.startswith(kind) and line[1:-2].isdigit()):
        raise ConnectionAbortedError("not the Redis protocol")
    return line


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionAbortedError("the client has left")
        data += part
    return data


class Server(TcpFakeServer):
    """The data and its clients."""

    def __init__(self, port: int, password: bytes) -> None:
        super().__init__(("127.0.0.1", port))
        self.RequestHandlerClass = Handler
        self.daemon_threads = True
        self.password = password
        self.fake_server = FakeServer(version=(7,), config={b"requirepass": password})

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that comes and goes is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve on loopback until told to stop."""
    password = sys.stdin.readline().strip()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))
    with Server(int(sys.argv[1]), password.encode()) as server:
        server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
