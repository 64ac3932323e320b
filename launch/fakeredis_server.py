"""The Redis for where there is none: pure Python, in memory, for one household.

`python -m launch.fakeredis_server PORT` reads its password as the first line of stdin.
"""

from __future__ import annotations

import signal
import sys

from fakeredis import FakeServer, TcpFakeServer


def main() -> None:
    """Serve on loopback until told to stop."""
    password = sys.stdin.readline().strip()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))
    with TcpFakeServer(("127.0.0.1", int(sys.argv[1]))) as server:
        server.daemon_threads = True
        server.fake_server = FakeServer(version=(7,), config={b"requirepass": password.encode()})
        server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
