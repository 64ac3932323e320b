"""The lines of an answer: /api/chat and /api/generate differ only in where the text stands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from gpu.engines.ollama.model import timestamp

MAX_REPEATS = 30  # Ollama ends an answer that repeats one token more often, without a word


def now() -> str:
    """Returns this moment as Ollama writes it."""
    nanoseconds = time.time_ns()
    return timestamp(nanoseconds // 10**9, nanoseconds % 10**9)


@dataclass
class Answer:
    """What has been answered so far."""

    model: str
    chat: bool
    pieces: list[str] = field(default_factory=list)
    started_ns: int = field(default_factory=time.perf_counter_ns)
    _last: str = ""
    _repeats: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def stuck(self, piece: str) -> bool:
        """Returns whether the model has begun to repeat one token for ever."""
        piece = piece.strip()
        self._repeats = self._repeats + 1 if piece == self._last else 0
        self._last = piece
        return self._repeats > MAX_REPEATS

    def line(self, text: str) -> dict[str, Any]:
        """Returns a line that carries `text`."""
        body = {"message": {"role": "assistant", "content": text}} if self.chat else {"response": text}
        return {"model": self.model, "created_at": now(), **body, "done": False}

    def done(self, reason: str, numbers: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns the last line, without the numbers that are nought, as Go leaves them out."""
        given = {name: value for name, value in (numbers or {}).items() if value}
        return {**self.line(""), "done": True, "done_reason": reason, **given}

    def numbers(self, event: dict[str, Any], load_ns: int) -> dict[str, Any]:
        """Returns Ollama's durations (ns) and counts out of llama.cpp's last event."""
        timings = event["timings"]
        return {
            "total_duration": time.perf_counter_ns() - self.started_ns,
            "load_duration": load_ns,
            "prompt_eval_count": timings["cache_n"] + timings["prompt_n"],
            "prompt_eval_duration": round(timings["prompt_ms"] * 1000) * 1000,
            "eval_count": timings["predicted_n"],
            "eval_duration": round(timings["predicted_ms"] * 1000) * 1000,
        }

    def whole(self, last: dict[str, Any]) -> dict[str, Any]:
        """Returns the one object of an answer that was not streamed: its last line, with all of its text."""
        place = "message" if self.chat else "response"
        return {**last, place: self.line(self.text)[place]}
