"""A Tavily that finds what it is told to find, over its real HTTP format.

Shapes: https://docs.tavily.com/documentation/api-reference/endpoint/search and the errors that the library
`tavily-python` reads.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "tvly-a-key-that-only-tests-know"


@dataclass
class Asked:
    """One request as it came."""

    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ScriptedTavily:
    """`results` are what each search finds; `status` other than 200 is an error; `wait` is in seconds."""

    results: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    wait: float = 0.0
    raw: bytes | None = None
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def queries(self) -> list[str]:
        """What was searched for, in order."""
        return [asked.body["query"] for asked in self.asked]

    def finds(self, *pages: tuple[str, str, str]) -> None:
        """Have each search find these: (title, url, text)."""
        self.results = [
            {"title": title, "url": url, "content": text, "score": 0.9 - 0.1 * place, "raw_content": None}
            for place, (title, url, text) in enumerate(pages)
        ]

    def answer(self, body: dict[str, Any]) -> bytes:
        """Return the JSON of a search."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"detail": {"error": "a reason that is for the log alone"}}).encode()
        found = {
            "query": body["query"],
            "follow_up_questions": None,
            "answer": None,
            "images": [],
            "results": self.results[: body.get("max_results", 5)],
            "response_time": 0.61,
            "request_id": str(uuid.uuid4()),
        }
        return json.dumps(found).encode()


def _handler(script: ScriptedTavily) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.asked.append(Asked(dict(self.headers), body))
            time.sleep(script.wait)
            status = script.status
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                status = 401
            answer = script.answer(body)
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # whoever asked has gone

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
