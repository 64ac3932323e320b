"""A day of a house on one card, simulated on the arbiter's own rules.

People come in sessions: a talk of several turns, with time to read and to type between
them, or a series of pictures, each looked at and asked for again a little differently;
some order a whole series at once. But for these, nobody asks for the next thing before
the last one is there. All that is drawn by lot is drawn before the day begins, so every
policy meets the very same day.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from typing import Any

from gpu.arbiter.rules import change
from gpu.arbiter.state import CHAT, COMFYUI, DRAW, OLLAMA, THINK, Card, Lease, Rules, Switch, Ticket
from gpu.arbiter.step import Step

DAY = 86_400.0
START = 1_764_000_000_000
FOREVER = 10**13  # ms; nobody dies in a simulation
PRIORITY = {CHAT: 5, THINK: 10, DRAW: 10}
SWITCH = {OLLAMA: 5.0, COMFYUI: 20.0}
"""Seconds until a service is ready: Flux.1-dev is read into the card anew, a model of 7-20B too."""

EVENING = (1, 0, 0, 0, 0, 0, 2, 4, 3, 2, 2, 3, 4, 3, 3, 4, 5, 7, 10, 13, 14, 12, 8, 4)
OFFICE = (0, 0, 0, 0, 0, 0, 0, 2, 7, 12, 13, 11, 6, 10, 13, 13, 10, 6, 2, 1, 0, 0, 0, 0)


@dataclass(frozen=True)
class House:
    """Who lives or works there: sessions a person and day, and how they spread over the hours."""

    name: str
    people: int
    talks: float
    series: float
    hours: Sequence[float]
    turns: float = 7.0
    """Turns of a talk, on average if it could go on for ever."""
    orders: float = 3.5
    """Pictures' orders in a series, on average; each is of 1 to 4 variants."""

    def busier(self, factor: float) -> House:
        """Return the same house with more sessions."""
        return House(
            self.name,
            self.people,
            self.talks * factor,
            self.series * factor,
            self.hours,
            self.turns,
            self.orders,
        )


HOUSEHOLD = House("a household of 8", 8, talks=3.0, series=1.0, hours=EVENING)
TEAM = House("a team of 40", 40, talks=4.0, series=0.35, hours=OFFICE)
LONGEST = 12  # turns of a talk, orders of a series
ALL_AT_ONCE = 0.3
"""How many series are ordered without a look at the pictures before."""
POLICIES = ("fifo", "strict", "household")


@dataclass(frozen=True)
class Turn:
    """One thing that a person asks for: the pause before it, then what the card has to do, in seconds."""

    pause: float
    stages: tuple[tuple[str, float], ...]

    @property
    def is_picture(self) -> bool:
        return len(self.stages) > 1

    @property
    def work(self) -> float:
        return sum(seconds for _stage, seconds in self.stages)


@dataclass(frozen=True)
class Session:
    """What one person asks for, one after the other, from a moment of the day on."""

    user_id: int
    at: float
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Wait:
    """How long something waited in all, and worked, in seconds."""

    user_id: int
    is_picture: bool
    waited: float
    worked: float


@dataclass
class Result:
    """What came of one or several days."""

    days: int = 0
    waits: list[Wait] = field(default_factory=list)
    switches: int = 0
    computing: float = 0.0
    switching: float = 0.0
    fair: list[float] = field(default_factory=list)
    """Each day's index of fairness."""

    def waited(self, *, pictures: bool) -> list[float]:
        """Return the waits of chats or of pictures."""
        return [wait.waited for wait in self.waits if wait.is_picture == pictures]

    def utilisation(self) -> float:
        """Return the share of the day in which the card computed."""
        return self.computing / (self.days * DAY)

    def fairness(self) -> float:
        """Return Jain's index, for one day, of how much of their time with the card people were served.

        1: everybody was held up alike; 1/n: one person had all.
        """
        served = []
        for user_id in {wait.user_id for wait in self.waits}:
            mine = [wait for wait in self.waits if wait.user_id == user_id]
            worked, waited = sum(wait.worked for wait in mine), sum(wait.waited for wait in mine)
            served.append(worked / (worked + waited))
        return sum(served) ** 2 / (len(served) * sum(share * share for share in served))


# What people do


def sessions(house: House, seed: int) -> Iterator[Session]:
    """Yield everybody's sessions of one day."""
    for user_id in range(1, house.people + 1):
        chance = random.Random(f"{house.name} {seed} {user_id}")
        keen = chance.lognormvariate(-0.3, 0.8)  # some use it a lot, most a little; 1 on average
        for mean, make in ((house.talks, _talk), (house.series, _series)):
            for _ in range(_poisson(chance, mean * keen)):
                hour = chance.choices(range(24), house.hours)[0]
                at = (hour + chance.random()) * 3_600
                turns = tuple(make(house, chance))
                if turns[0].is_picture and chance.random() < ALL_AT_ONCE:
                    yield from (Session(user_id, at + 8 * place, (turn,)) for place, turn in enumerate(turns))
                else:
                    yield Session(user_id, at, turns)


def _talk(house: House, chance: random.Random) -> Iterator[Turn]:
    """An answer of 300 tokens or so at 40 a second, then time to read and to type."""
    for number in range(_geometric(chance, house.turns)):
        answer = 0.8 + chance.lognormvariate(5.6, 0.6) / 40
        yield Turn(chance.lognormvariate(3.6, 0.7) if number else 0.0, ((CHAT, answer),))


def _series(house: House, chance: random.Random) -> Iterator[Turn]:
    """Words, then 1 to 4 variants of 20 to 30 s each, then a look at them."""
    for number in range(_geometric(chance, house.orders)):
        variants = chance.choices((1, 2, 3, 4), (5, 3, 1, 2))[0]
        drawing = sum(chance.uniform(20, 30) for _ in range(variants))
        pause = chance.lognormvariate(3.7, 0.6) if number else 0.0
        yield Turn(pause, ((THINK, chance.uniform(4, 9)), (DRAW, drawing)))


def _poisson(chance: random.Random, mean: float) -> int:
    passed, number = chance.expovariate(1.0), 0
    while passed < mean:
        passed += chance.expovariate(1.0)
        number += 1
    return number


def _geometric(chance: random.Random, mean: float) -> int:
    number = 1
    while chance.random() > 1 / mean and number < LONGEST:
        number += 1
    return number


# What the card does


@dataclass
class Asked:
    """A turn on its way: since when, and what is still to do."""

    session: Session
    number: int
    at: float
    todo: list[tuple[str, float]]

    @property
    def turn(self) -> Turn:
        return self.session.turns[self.number]


class Day:
    """One day under one policy."""

    def __init__(self, day: Iterable[Session], rules: Rules) -> None:
        self.rules, self.card, self.now = rules, Card(resident=OLLAMA), 0.0
        self.result = Result(days=1)
        self._number = count()
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._asked: dict[int, Asked] = {}
        for session in day:
            self._at(session.at, partial(self._ask, session, 0))

    def run(self) -> Result:
        """Return what came of it, when the last one who came has been served."""
        while self._moments:
            self.now, _, call = heapq.heappop(self._moments)
            call()
        return self.result

    def _at(self, at: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._moments, (at, next(self._number), call))

    def _ask(self, session: Session, number: int) -> None:
        row_id = next(self._number)
        self._asked[row_id] = Asked(session, number, self.now, list(session.turns[number].stages))
        self._queue(row_id)

    def _queue(self, row_id: int) -> None:
        asked = self._asked[row_id]
        stage = asked.todo[0][0]
        service = COMFYUI if stage == DRAW else OLLAMA
        ticket = Ticket(stage, row_id, asked.session.user_id, service, stage, PRIORITY[stage])
        self._do("enqueue", ticket=asdict(ticket))

    def _do(self, op: str, **arguments: Any) -> Step:
        step = change(self.card, op, arguments, START + int(self.now * 1000), self.rules)
        for lease in step.grants:
            self._work(lease)
        if step.switch:
            self._hand_over(step.switch)
        return step

    def _work(self, lease: Lease) -> None:
        _stage, seconds = self._asked[lease.ticket.row_id].todo.pop(0)
        self.result.computing += seconds
        self._at(self.now + seconds, partial(self._end, lease, seconds))

    def _end(self, lease: Lease, seconds: float) -> None:
        row_id = lease.ticket.row_id
        self._do("release", lease_id=lease.id, used=int(seconds * 1000))
        if self._asked[row_id].todo:
            self._queue(row_id)
        else:
            self._note(self._asked.pop(row_id))
        if lease.service == COMFYUI:  # `upkeep` ticks: the card goes back when the grace is over
            self._at(self.now + self.rules.grace / 1000 + 0.01, self._tick)

    def _tick(self) -> None:
        self._do("tick")

    def _note(self, asked: Asked) -> None:
        session, turn = asked.session, asked.turn
        waited = self.now - asked.at - turn.work
        self.result.waits.append(Wait(session.user_id, turn.is_picture, max(0.0, waited), turn.work))
        following = asked.number + 1
        if following < len(session.turns):
            pause = session.turns[following].pause
            self._at(self.now + pause, partial(self._ask, session, following))

    def _hand_over(self, switch: Switch) -> None:
        seconds = SWITCH[switch.to]
        self.result.switches += 1
        self.result.switching += seconds
        self._at(self.now + seconds, partial(self._switched, switch.id))

    def _switched(self, switch_id: str) -> None:
        self._do("switched", switch_id=switch_id, parts={})


def simulate(house: House, policy: str, *, days: int = 20, seed: int = 1, **rules: Any) -> Result:
    """Return what comes of so many days under a policy; the same seed is the same people."""
    total, given = Result(), Rules(policy=policy, ttl=FOREVER, claim=FOREVER, **rules)
    for day in range(days):
        one = Day(sessions(house, seed * 1_000 + day), given).run()
        total.days += 1
        total.waits += one.waits
        total.switches += one.switches
        total.computing += one.computing
        total.switching += one.switching
        total.fair.append(one.fairness())
    return total


def share_at(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of them lies; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN of none."""
    return statistics.fmean(values) if values else float("nan")
