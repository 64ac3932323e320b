"""What the services' own records say about who computed when."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.invariants.card_stack import LOOK, Look, Stopped
from tests.standins.comfyui_script import Interval, read_record

Span = tuple[float, float]
NEAR = 0.3  # seconds between two pieces of work that count as one


def spans(record: Path, since: float) -> list[Span]:
    """Return when a service computed anything at all; `time.time()`."""
    found: list[Span] = []
    for begin, end in sorted(map(_span, read_record(record))):
        if end < since:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _span(interval: Interval) -> Span:
    return interval.start, interval.end or time.time()


def overlaps(one: Iterable[Span], other: Sequence[Span]) -> list[float]:
    """Return for how many seconds both computed, each time that they did; a short pause ends no time."""
    shared = sorted((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    found: list[Span] = []
    for begin, end in shared:
        if end <= begin:
            continue
        if found and begin - found[-1][1] < NEAR:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return [end - begin for begin, end in found]


def slipped(stops: Iterable[Stopped], records: Sequence[Path]) -> list[float]:
    """Return for how many seconds each woken process had computed what it was about to send."""
    intervals = [interval for record in records for interval in read_record(record)]
    marks = {stop.edge.removeprefix("call "): stop for stop in stops if stop.edge.startswith("call ")}
    found = []
    for interval in intervals:
        stop = next((stop for mark, stop in marks.items() if mark in interval.prompt_id), None)
        if stop and interval.start >= stop.woken_at:
            begin, end = _span(interval)
            found.append(end - begin)
    return found


def longest(looks: Iterable[Look], computing: Sequence[Span], *, held_counts: bool) -> float:
    """Return for how many seconds at most somebody waited while nothing was computed.

    `held_counts`: a lease or a hand-over counts as work too.
    """
    most, since = 0.0, None
    for look in looks:
        computed = any(begin <= look.at <= end for begin, end in computing)
        if look.waits and not computed and (look.free or not held_counts):
            since = look.at if since is None else since
            most = max(most, look.at - since + LOOK)
        else:
            since = None
    return most


def old_writes(log: Iterable[str]) -> list[str]:
    """Return the accepted writes whose row had been granted or written under a newer token before."""
    newest: dict[str, int] = {}
    found = []
    for entry in log:
        event, row, token, *result = entry.split()
        if event == "write" and result == ["accepted"] and int(token) < newest.get(row, 0):
            found.append(entry)
        if event == "grant" or result == ["accepted"]:
            newest[row] = max(newest.get(row, 0), int(token))
    return found
