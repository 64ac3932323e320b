"""Ports: a free one, and whether the wanted one is."""

from __future__ import annotations

import errno
import os
import socket

from launch.errors import refuse


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reachable(host: str) -> str:
    """Return the address at which this machine itself reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def in_url(host: str) -> str:
    """Return `host` as URLs write it."""
    return f"[{host}]" if ":" in host else host


def check_port(host: str, port: int) -> None:
    """Raise StartError, with a port that is free in its line, when we cannot listen there."""
    trouble = _trouble(host, port)
    if trouble == errno.EADDRINUSE:
        raise refuse("port_taken", port=port, other=_next_free(host, port) or "PORT")
    if trouble in {errno.EACCES, errno.EPERM}:
        raise refuse("port_forbidden", port=port)
    if trouble:
        raise refuse("host_wrong", host=host, why=os.strerror(trouble) if trouble > 0 else "?")


def choose_port(host: str, port: int, *, may_move: bool) -> int:
    """Return the port, or with `may_move` the next free one when it is taken."""
    if may_move and _trouble(host, port) == errno.EADDRINUSE:
        return _next_free(host, port) or port
    return port


def _next_free(host: str, port: int) -> int | None:
    nearby = (*range(port + 1, 65536), *range(1024, port))
    return next((number for number in nearby if not _trouble(host, number)), None)


def _trouble(host: str, port: int) -> int:
    """Return why we cannot listen there as an errno, 0 if we can, -1 for a name that nobody knows."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        return -1
    with socket.socket(family, kind, number) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            return error.errno or -1
    # macOS lets us bind beside a listener on another of this machine's addresses.
    return errno.EADDRINUSE if _answers(reachable(host), port) else 0


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.3):
            return True
    except OSError:
        return False
