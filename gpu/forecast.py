"""Place and expected wait of whoever is in line, by playing the line to its end on a copy of the card.

The order is the arbiter's own: the same rules grant the imagined leases. How long things
take is learned: medians of the last durations, exact ones first (the same model, size and
steps), then those of the stage.
"""

from __future__ import annotations

import heapq
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gpu.arbiter.decisions import is_broken
from gpu.arbiter.rules import change
from gpu.arbiter.state import COMFYUI, Card, Lease, Memory, Rules, Switch, Ticket
from gpu.arbiter.step import Step
from live.redis import RedisError, client, key

logger = logging.getLogger(__name__)
KEPT = 30  # durations a kind
KINDS = 300  # kinds; what was not seen for longest is forgotten
ENOUGH = 3  # durations from which a median is called sure
USUAL = 15.0  # seconds; only the order is imagined with it, no wait is told
AGES = 10**15  # ms; imagined holders don't die

READ = """
local told = {}
for _, kind in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
  told[#told + 1] = kind
  told[#told + 1] = redis.call("LRANGE", ARGV[1] .. kind, 0, -1)
end
return told
"""


@dataclass(frozen=True)
class Place:
    """A ticket's place in the order of grants, from 1, and its expected wait.

    `seconds` is None while something ahead takes an unknown time; `sure` says whether
    enough was learned of everything ahead.
    """

    place: int
    seconds: float | None
    sure: bool


@dataclass(frozen=True)
class Duration:
    """How long something takes in seconds, and whether enough is known to rely on it."""

    seconds: float
    sure: bool


class Knows(Protocol):
    """Whatever can say how long things take; None: unknown yet."""

    def of(self, ticket: Ticket) -> Duration | None: ...
    def of_switch(self, to: str) -> Duration | None: ...


# Learning


def learn(kind: str, seconds: float) -> None:
    """Remember how long something took: "stage:about" of a ticket, or "switch:service"."""
    stage, _colon, about = kind.partition(":")
    kinds = [kind] if stage == "switch" or not about else [kind, f"{stage}:"]
    try:
        pipeline = client().pipeline(transaction=False)
        seconds_now, micros = client().time()
        for each in kinds:
            pipeline.lpush(_durations_key(each), round(seconds, 3))
            pipeline.ltrim(_durations_key(each), 0, KEPT - 1)
            pipeline.zadd(_kinds_key(), {each: seconds_now + micros / 1e6})
        pipeline.zrange(_kinds_key(), 0, -KINDS - 1)
        _forget(pipeline.execute()[-1])
    except RedisError as error:
        logger.warning("%.1f s of %s are not learned: %s", seconds, kind, error)


def _forget(kinds: Sequence[str]) -> None:
    if kinds:
        client().delete(*map(_durations_key, kinds))
        client().zrem(_kinds_key(), *kinds)


def _kinds_key() -> str:
    return key("durations")


def _durations_key(kind: str) -> str:
    return key("durations", kind)


@cache
def _reading() -> Any:
    return client().register_script(READ)


@dataclass(frozen=True)
class Durations:
    """What has been learned, by kind."""

    known: Mapping[str, Duration]

    @classmethod
    def read(cls) -> Durations:
        """Return what has been learned, in one round trip. Raises RedisError."""
        told = _reading()(keys=[_kinds_key()], args=[_durations_key("")])
        pairs = zip(told[::2], told[1::2], strict=True)
        return cls.of_samples({kind: [float(text) for text in samples] for kind, samples in pairs})

    @classmethod
    def of_samples(cls, samples: Mapping[str, Sequence[float]]) -> Durations:
        """Return medians of what each kind took."""
        return cls(
            {
                kind: Duration(statistics.median(seconds), len(seconds) >= ENOUGH)
                for kind, seconds in samples.items()
                if seconds
            }
        )

    def of(self, ticket: Ticket) -> Duration | None:
        """Return how long such a ticket takes; what is known of its stage alone is never sure."""
        if exact := self.known.get(f"{ticket.stage}:{ticket.about}"):
            return exact
        alike = self.known.get(f"{ticket.stage}:")
        return Duration(alike.seconds, sure=False) if alike else None

    def of_switch(self, to: str) -> Duration | None:
        """Return how long it takes to make a service ready."""
        return self.known.get(f"switch:{to}")


# Imagining


@dataclass(order=True)
class Moment:
    """Something that ends: when (ms), and how much is known of that time."""

    at: int
    number: int
    what: Lease | Switch | None = field(compare=False)
    known: bool = field(compare=False, default=True)
    sure: bool = field(compare=False, default=True)


class Imagined:
    """The line played to its end."""

    def __init__(self, card: Card, now: int, rules: Rules, durations: Knows) -> None:
        self.card, self.now, self.rules, self.durations = card.copy(), now, rules, durations
        self.begun = now
        self.places: dict[str, Place] = {}
        self._moments: list[Moment] = []
        self._number = count()
        self._remove_obstacles(card)

    def _remove_obstacles(self, card: Card) -> None:
        """Imagine that what stands in the way of all ends, at an unknown time unless it has one."""
        memory, rules = card.memory, self.rules
        fresh = memory.at and self.now - memory.at <= rules.fresh
        short = bool(fresh) and memory.free + memory.held < rules.min_free_mb and rules.handoff != "none"
        self.blocked = card.paused or short
        self.card.paused, self.card.memory, self.card.draining = False, Memory(), False
        self.broken = {name for name in card.broken if is_broken(card, name, self.now)}

    def play(self) -> dict[str, Place]:
        """Return everybody's place."""
        for lease in self.card.leases:
            lease.again = False
            self._hold(lease, lease.claimed_at or lease.at, known=True, sure=True)
        if self.card.switch:
            self._hold(self.card.switch, self.card.switch.at, known=True, sure=True)
        ends = [broken.until for broken in self.card.broken.values() if broken.until > self.now]
        if self.card.borrow:
            ends.append(self.card.borrow.until)
        for at in [self.now, *ends]:
            self._add(Moment(at, next(self._number), None, sure=at == self.now))
        while self._moments and self.card.tickets:
            self._meet(heapq.heappop(self._moments))
        self._leave_the_rest()
        return self.places

    def _meet(self, moment: Moment) -> None:
        self.now = max(self.now, moment.at)
        what = moment.what
        if isinstance(what, Lease):
            used = self.now - (what.claimed_at or what.at)
            step = self._change("release", lease_id=what.id, used=used)
            if what.service == COMFYUI:  # when pictures are over, the card goes back a while later
                goes_home = self.now + self.rules.grace
                self._add(Moment(goes_home, next(self._number), None, moment.known, moment.sure))
        elif what:
            step = self._change("switched", switch_id=what.id, parts={})
        else:
            step = self._change("tick")
        self._follow(step, moment)

    def _change(self, op: str, **arguments: Any) -> Step:
        return change(self.card, op, arguments, self.now, self.rules)

    def _follow(self, step: Step, cause: Moment) -> None:
        for lease in step.grants:
            known = cause.known and not self.blocked and lease.service not in self.broken
            seconds = (self.now - self.begun) / 1000
            self.places[lease.ticket.id] = Place(
                len(self.places) + 1, seconds if known else None, known and cause.sure
            )
            self._hold(lease, self.now, known=cause.known, sure=cause.sure)
        if step.switch:
            self._hold(step.switch, self.now, known=cause.known, sure=cause.sure)

    def _hold(self, held: Lease | Switch, since: int, *, known: bool, sure: bool) -> None:
        """Have it end when such things usually do, a second from now at the earliest."""
        durations = self.durations
        took = durations.of(held.ticket) if isinstance(held, Lease) else durations.of_switch(held.to)
        held.until, held.claimed_at = self.now + AGES, since
        ends = max(since + int((took.seconds if took else USUAL) * 1000), self.now + 1_000)
        known = known and took is not None and _service(held) not in self.broken
        sure = sure and took is not None and took.sure
        self._add(Moment(ends, next(self._number), held, known, sure))

    def _add(self, moment: Moment) -> None:
        heapq.heappush(self._moments, moment)

    def _leave_the_rest(self) -> None:
        """Give a place to what nothing foreseen will ever grant."""
        for ticket in sorted(self.card.tickets, key=lambda ticket: ticket.seq):
            self.places[ticket.id] = Place(len(self.places) + 1, None, sure=False)


def _service(held: Lease | Switch) -> str:
    return held.service if isinstance(held, Lease) else held.to


def forecast(card: Card, now: int, rules: Rules, durations: Knows) -> dict[str, Place]:
    """Return the place of every waiting ticket, by its id; `now` in milliseconds. The card stays as it is."""
    waiting = {ticket.id for ticket in card.tickets}
    return {
        id_: place for id_, place in Imagined(card, now, rules, durations).play().items() if id_ in waiting
    }


# Telling


def explain(place: Place) -> str:
    """Return the expected wait as a person would say it, no more exact than it is."""
    seconds = place.seconds
    if seconds is None:
        return _("unknown yet")
    if seconds < 5:
        return _("soon")
    for most, grain in ((60, 5), (120, 10)):
        if (rounded := round(seconds / grain) * grain) < most:
            return _("about %(n)s s") % {"n": rounded}
    minutes = max(2, round(seconds / 60))
    return ngettext("about %(n)d min", "about %(n)d min", minutes) % {"n": minutes}
