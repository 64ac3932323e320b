"""What the app adds to a stream: `python3 start.py bench stream`, or `python -m bench.stream`.

Starts Redis, the Procfile's processes and a scripted Ollama (50 tokens a second, 200 tokens, each carrying
the moment it was sent), then lets 1 to 200 people ask within two seconds, once straight from the stand-in and
once through the app. Prints a Markdown table and writes it to build/bench-stream.md.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clients import Heard, ask_directly, ask_the_app, call, check_stored
from bench.processes import MODEL, ROOT, Stack, running_stack

LEVELS = (1, 10, 50, 100, 200)
TOKENS = 200  # the stand-in's own default
SPREAD = 2.0  # seconds over which the starts are spread
LONE_ROUNDS = 5  # one answer alone says little about a median
REPORT = ROOT / "build" / "bench-stream.md"
COLUMNS = (
    "answers",
    "first token, added ms p50 / p95",
    "a token, added ms p50 / p95 / p99",
    "CPU s per 1,000 tokens",
    "MiB an answer",
    "refused",
    "missing",
)


@dataclass
class Row:
    """One level's measurements."""

    answers: int
    direct: list[Heard]
    ours: list[Heard]
    cpu: dict[str, float]
    memory: float
    at_once: int

    def cells(self) -> list[str]:
        """Returns the row of the table."""
        first = added([h.first_after for h in self.ours], [h.first_after for h in self.direct], (50, 95))
        lags = [[lag for heard in side for lag in heard.lags] for side in (self.ours, self.direct)]
        thousands = self.answers * TOKENS / 1000
        parts = ", ".join(f"{name} {spent / thousands:.3f}" for name, spent in self.cpu.items())
        return [
            str(self.at_once),
            first,
            added(lags[0], lags[1], (50, 95, 99)),
            f"{sum(self.cpu.values()) / thousands:.3f} ({parts})",
            f"{self.memory / self.answers:.2f}",
            str(sum(bool(heard.refused) for heard in self.ours)),
            str(sum(not heard.complete(TOKENS) for heard in self.ours)),
        ]


def percentile(values: Sequence[float], share: int) -> float:
    """Returns the value below which `share` per cent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else float("nan")


def added(ours: Sequence[float | None], direct: Sequence[float | None], shares: Sequence[int]) -> str:
    """Returns, in ms, how much later ours are at each percentile."""
    known = [[value for value in values if value is not None] for values in (ours, direct)]
    gaps = [percentile(known[0], share) - percentile(known[1], share) for share in shares]
    return " / ".join(f"{gap * 1000:+.1f}" for gap in gaps)


async def together(asking: Sequence[Coroutine[Any, Any, Heard]]) -> list[Heard]:
    """Returns what everyone heard; a client that failed counts as refused."""
    ended = await asyncio.gather(*asking, return_exceptions=True)
    return [one if isinstance(one, Heard) else Heard(0.0, refused=repr(one)) for one in ended]


async def level(stack: Stack, people: list[dict[str, Any]]) -> Row:
    """Returns one level's measurements: the direct run, then ours. One answer is asked for several times."""
    count = len(people)
    delays = [SPREAD * place / count for place in range(count)]
    rounds = LONE_ROUNDS if count == 1 else 1
    direct = [
        heard
        for _ in range(rounds)
        for heard in await together([ask_directly(stack.ollama_url, delay) for delay in delays])
    ]
    memory, cpu = sum(stack.pss().values()), dict.fromkeys(stack.app, 0.0)
    ours: list[Heard] = []
    for _ in range(rounds):
        await new_chats(stack, people)
        before = stack.cpu()
        peak = asyncio.create_task(_memory_at(stack, SPREAD + 1.5))
        heard = await together([ask_the_app(stack.url, *pair) for pair in zip(people, delays, strict=True)])
        cpu = {name: cpu[name] + used - before[name] for name, used in stack.cpu().items()}
        await together_check(stack, people, heard)
        ours += heard
        most = await peak
    return Row(count * rounds, direct, ours, cpu, (most - memory) * rounds, count)


async def new_chats(stack: Stack, people: list[dict[str, Any]]) -> None:
    """Gives everyone a new chat, and the processes a moment of rest."""
    for person in people:
        _, chat = await call(stack.url, "/api/chats", person["token"], {"model": MODEL})
        person["chat"] = chat["id"]
    await asyncio.sleep(1)


async def together_check(stack: Stack, people: list[dict[str, Any]], heard: Sequence[Heard]) -> None:
    """Notes of every answer what the database holds."""
    for person, one in zip(people, heard, strict=True):
        await check_stored(stack.url, person, one)


async def _memory_at(stack: Stack, seconds: float) -> float:
    await asyncio.sleep(seconds)
    return sum((await asyncio.to_thread(stack.pss)).values())


def report(stack: Stack, idle: dict[str, float], rows: Sequence[Row]) -> str:
    """Returns the measurements in Markdown."""
    parts = ", ".join(f"{name} {size:.0f}" for name, size in idle.items())
    lines = [
        f"Ready after {stack.start_seconds:.1f} s; idle PSS {sum(idle.values()):.0f} MiB ({parts}).",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join("---" for _ in COLUMNS) + " |",
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
    ]
    reasons = sorted({heard.refused for row in rows for heard in row.ours if heard.refused})
    return "\n".join([*lines, *(f"\nRefused: {reason}" for reason in reasons[:5])]) + "\n"


def main() -> None:
    """Measures every level and writes the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.stream", description="What the app adds to a stream"
    )
    parser.add_argument("levels", nargs="*", type=int, default=LEVELS, help="answers at once")
    levels = parser.parse_args().levels
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        time.sleep(3)
        idle = stack.pss()
        people = stack.people(max(2, *levels))
        asyncio.run(level(stack, people[:2]))  # a warm-up: the first request of all imports a lot
        rows = [asyncio.run(level(stack, people[:count])) for count in levels]
        text = report(stack, idle, rows)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
