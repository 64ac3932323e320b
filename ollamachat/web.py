"""The web process: Daphne on HOST and PORT."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Serve HTML, API, websockets and event streams until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")
    from daphne.cli import CommandLineInterface

    from ollamachat import env

    settings = env.read()
    options = ["-b", settings["HOST"], "-p", str(settings["PORT"]), "--verbosity", "0"]
    options += ["--websocket_connect_timeout", "10", "--ping-interval", "25", "--ping-timeout", "60"]
    options += ["--application-close-timeout", "3", "--no-server-name", *sys.argv[1:]]
    CommandLineInterface().run([*options, "ollamachat.asgi:application"])


if __name__ == "__main__":
    main()
