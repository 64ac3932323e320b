"""What goes wrong, with the status and the sentence that Ollama gives for it."""

from __future__ import annotations


class ApiError(Exception):
    """Answered as `{"error": text}`.

    `late` is an error that Ollama finds only once it has begun to stream: its answer is then chunked.
    """

    def __init__(self, status: int, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.late = late


class RunnerError(Exception):
    """The child that holds the model refused a request; `body` is its own JSON."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class RunnerGoneError(Exception):
    """The child that holds the model has died."""
