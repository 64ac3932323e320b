"""The web process: Daphne on HOST and PORT."""

from __future__ import annotations

import os
import sys
from typing import Any


def _leave_forms_to_django() -> None:
    """Have bodies passed on as they came.

    The server would read each form a second time, whole in memory, and answer a crooked one
    by hanging up without a word.
    """
    from daphne import http_protocol

    class Request(http_protocol.WebRequest):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **{**named, "parsePOSTFormSubmission": False})

    http_protocol.WebRequest = Request


def main() -> None:
    """Serve HTML, API, websockets and event streams until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")
    from daphne.cli import CommandLineInterface

    from ollamachat import env

    _leave_forms_to_django()
    settings = env.read()
    options = ["-b", settings["HOST"], "-p", str(settings["PORT"]), "--verbosity", "0"]
    options += ["--websocket_connect_timeout", "10", "--ping-interval", "25", "--ping-timeout", "60"]
    options += ["--application-close-timeout", "3", "--no-server-name", *sys.argv[1:]]
    CommandLineInterface().run([*options, "ollamachat.asgi:application"])


if __name__ == "__main__":
    main()
