"""A small world around the card's rules: services, workers and switchers that break as real ones do.

Time and luck belong to the test. Whatever the rules decide here is checked at once, by
what the services really hold and compute, not by what the card believes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gpu.arbiter.rules import apply
from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    IDLE,
    NOBODY,
    OLLAMA,
    THINK,
    UNKNOWN,
    Card,
    Lease,
    Rules,
    Switch,
)
from gpu.arbiter.step import Step

START = 1_764_000_000_000
RENEW = 5_000
SERVICE = {CHAT: OLLAMA, THINK: OLLAMA, IDLE: OLLAMA, DRAW: COMFYUI}
PRIORITY = {CHAT: 5, THINK: 10, DRAW: 10, IDLE: 1}
WAITING, HELD, ENDED = "waiting", "held", "ended"
MOVES = {"queued": WAITING, "unclaimed": WAITING, "granted": HELD, "adopted": HELD, "cancelled": ENDED}
ENDS = ("released", "expired", "taken")


@dataclass
class Service:
    """What a service really does: is its memory full, and for which leases does it compute."""

    loaded: bool = False
    computing: set[str] = field(default_factory=set)


@dataclass
class Holder:
    """A task that was sent for a lease or a switch; it knows only what it was told."""

    held: Lease | Switch
    claimed: bool = False
    stopped: bool = False
    about_to_call: bool = False
    renewed: int = 0

    @property
    def id(self) -> str:
        return self.held.id

    @property
    def work(self) -> str:
        """Return what a service computes for this holder."""
        return f"{self.id} claimed at {self.held.claimed_at}"

    @property
    def known(self) -> dict[str, Any]:
        return asdict(self.held)


@dataclass
class World:
    """The card, what is really going on, and a book of where every ticket is."""

    rules: Rules
    now: int = START
    card: Card = field(default_factory=Card)
    services: dict[str, Service] = field(default_factory=lambda: {OLLAMA: Service(), COMFYUI: Service()})
    workers: list[Holder] = field(default_factory=list)
    switchers: list[Holder] = field(default_factory=list)
    book: dict[str, str] = field(default_factory=dict)
    last_token: int = 0
    disturbed: bool = False
    """Somebody else, or a call that slipped through, filled a memory behind the card's back."""
    rows: int = 0
    granted: list[str] = field(default_factory=list)

    def do(self, op: str, **arguments: Any) -> Step:
        """Carry out one transition and check it."""
        before = self.card
        step = apply(before, op, arguments, self.now, self.rules)
        self.card = step.card
        self._book(before, step)
        for lease in step.grants:
            self._check_grant(lease)
            self.workers.append(Holder(lease))
        if step.switch:
            self._check_token(step.switch.token)
            self.switchers.append(Holder(step.switch))
        return step

    # What people do

    def enqueue(self, stage: str, user_id: int, row_id: int | None = None) -> str:
        """Put a row in line, a new one unless told; returns its ticket's id."""
        self.rows += row_id is None
        row = 1_000 + self.rows if row_id is None else row_id
        ticket = {"kind": "job", "row_id": row, "user_id": user_id, "service": SERVICE[stage], "stage": stage}
        self.do("enqueue", ticket={**ticket, "priority": PRIORITY[stage]})
        return f"job:{row}"

    # What workers do

    def claim(self, worker: Holder) -> None:
        """Have a sent task begin; delivered twice it begins once."""
        if not self._take(worker):
            self.workers.remove(worker)

    def _take(self, holder: Holder) -> bool:
        """Claim; the holder then knows what it holds as the card does."""
        if self.do("claim", held_id=holder.id).answer:
            found = next(held for held in self.held() if held.id == holder.id)
            holder.held, holder.claimed, holder.renewed = replace(found), True, self.now
        return holder.claimed

    def deliver_again(self, worker: Holder) -> None:
        """Deliver a task twice: it begins once, unless Redis has forgotten that it began."""
        known = self.knows(worker)
        again = Holder(replace(worker.held, claimed_at=0))
        if self._take(again):
            assert not known, "a lease was claimed twice"
            self.workers.append(again)

    def start(self, worker: Holder) -> None:
        """Ask whether the lease is still held, then have the service compute."""
        if self.is_held(worker):
            self._compute(worker)

    def is_held(self, holder: Holder) -> bool:
        """Return what `check` says; a holder that could not renew in time knows without asking."""
        known, forgotten = self.knows(holder), self._has_forgotten(holder)
        if forgotten and self._is_late(holder):
            held = False
        else:
            held = bool(self.do("check", held=holder.known).answer)
        assert known or forgotten or not held, "an old lease was said to be held"
        if not held:
            self.forget_holder(holder)
        return held

    def _is_late(self, holder: Holder) -> bool:
        return self.now - holder.renewed > self.rules.ttl

    def _has_forgotten(self, holder: Holder) -> bool:
        """Return whether Redis came back without this lease or its claim: only the holder's clock ends it."""
        unclaimed = any(held.id == holder.id and not held.claimed_at for held in self.held())
        return unclaimed or not self.card.born <= holder.held.token <= self.card.token

    def _compute(self, worker: Holder) -> None:
        assert isinstance(worker.held, Lease)
        service = self.services[worker.held.service]
        service.loaded = True
        service.computing.add(worker.work)

    def finish(self, worker: Holder) -> None:
        """Have the work end and the lease be released."""
        self._hang_up(worker)
        self.workers.remove(worker)
        used = max(0, self.now - worker.renewed)
        self.do("release", lease_id=worker.id, used=used, claimed_at=worker.held.claimed_at)

    def die(self, holder: Holder) -> None:
        """Have the process end without a word; ComfyUI goes on computing, Ollama notices."""
        if holder in self.switchers:
            self.switchers.remove(holder)
            return
        self.workers.remove(holder)
        self.services[OLLAMA].computing.discard(holder.work)

    def wake(self, holder: Holder) -> None:
        """Have a stopped process go on: with the call that it was about to make, and only then it asks."""
        holder.stopped = False
        if holder.about_to_call:
            holder.about_to_call = False
            if not self.knows(holder):
                self.disturbed = True  # it slips through, and is taken back below
            self._compute(holder)
        self.is_held(holder)

    def renew(self) -> None:
        """Renew what every running process holds, as its keeper does."""
        for holder in [*self.workers, *self.switchers]:
            if holder.stopped or not holder.claimed:
                continue
            late = self._has_forgotten(holder) and self._is_late(holder)
            if late or self.do("renew", held=[holder.known]).answer:
                self.forget_holder(holder)
            else:
                holder.renewed = self.now

    def forget_holder(self, holder: Holder) -> None:
        """Have a process that lost what it held take back what it started."""
        self._hang_up(holder)
        for holders in (self.workers, self.switchers):
            if holder in holders:
                holders.remove(holder)

    def _hang_up(self, holder: Holder) -> None:
        for service in self.services.values():
            service.computing.discard(holder.work)

    # What switchers do

    def claim_switch(self, switcher: Holder) -> None:
        if not self._take(switcher):
            self.switchers.remove(switcher)

    def switch(self, switcher: Holder) -> None:
        """Carry a hand-over out, unless another service still computes: then it goes on waiting."""
        assert isinstance(switcher.held, Switch)
        to = switcher.held.to
        others = [service for name, service in self.services.items() if name != to]
        if any(other.computing for other in others) or not self.is_held(switcher):
            return
        for other in others:
            other.loaded = False
        self.disturbed = False
        self.switchers.remove(switcher)
        assert self.do("switched", switch_id=switcher.id, parts={}).answer
        shared = self.rules.handoff != "exclusive"  # then a grant to the other makes it nobody's at once
        assert self.card.resident == to or self.card.switch or shared

    def fail(self, switcher: Holder) -> None:
        self.switchers.remove(switcher)
        self.do("failed", switch_id=switcher.id, resident=UNKNOWN, reason="did not start")

    # What time and chance do

    def pass_time(self, ms: int) -> None:
        """Let time pass in which running processes renew and `upkeep` ticks."""
        while ms > 0:
            self.now += min(ms, RENEW)
            ms -= RENEW
            self.renew()
            self.do("tick")

    def outsider(self, service: str) -> None:
        """Have somebody else use a service directly."""
        self.services[service].loaded = True
        self.disturbed = True

    def look(self) -> None:
        """Compare what is believed with what is shown, as `upkeep` does."""
        other = {OLLAMA: COMFYUI, COMFYUI: OLLAMA}.get(self.card.resident)
        if other and (self.services[other].loaded or self.services[other].computing):
            self.do("see", resident=UNKNOWN)

    def lose_redis(self, card: Card) -> None:
        """Restart Redis with an older document or an empty one; then the rows' sweeps ask again."""
        wanted = {ticket.id: ticket for ticket in self.card.tickets}
        unclaimed = [lease for lease in self.card.leases if not lease.claimed_at]
        wanted |= {lease.ticket.id: lease.ticket for lease in unclaimed}
        self.card = card
        self.book = dict.fromkeys((ticket.id for ticket in card.tickets), WAITING)
        self.book |= dict.fromkeys((lease.ticket.id for lease in card.leases), HELD)
        self.now += 1_500
        for ticket in list(self.card.tickets):
            if ticket.id not in wanted:
                self.do("cancel", ticket_id=ticket.id)
        for ticket in wanted.values():
            self.do("enqueue", ticket=asdict(ticket))

    # What must hold

    def held(self) -> list[Lease | Switch]:
        """Return what the card says is held or granted."""
        return [*self.card.leases, *([self.card.switch] if self.card.switch else [])]

    def knows(self, holder: Holder) -> bool:
        """Return whether the card has this claim."""
        found = (held for held in self.held() if held.id == holder.id)
        return any(held.claimed_at == holder.held.claimed_at for held in found)

    def _check_grant(self, lease: Lease) -> None:
        self._check_token(lease.token)
        self.granted.append(lease.ticket.id)
        card, rules, memory = self.card, self.rules, self.card.memory
        assert rules.handoff != "exclusive" or lease.service == card.resident
        if rules.handoff != "none" and memory.at and self.now - memory.at <= rules.fresh:
            assert memory.free + memory.held >= rules.min_free_mb, "granted without memory"

    def _check_token(self, token: int) -> None:
        assert token > self.last_token, "a token did not grow"
        self.last_token = token

    def _book(self, before: Card, step: Step) -> None:
        again = {lease.ticket.id for lease in before.leases if lease.again}
        for event in step.events:
            if (kind := event["type"]) in ENDS:
                assert self.book[event["ticket"]] == HELD
                self.book[event["ticket"]] = WAITING if event["ticket"] in again else ENDED
            elif kind in MOVES:
                assert kind != "granted" or self.book[event["ticket"]] == WAITING
                self.book[event["ticket"]] = MOVES[kind]

    def check(self) -> None:
        """Assert everything that holds at every moment."""
        card = self.card
        waiting = [ticket.id for ticket in card.tickets]
        held = [lease.ticket.id for lease in card.leases]
        assert sorted(waiting) == sorted(id_ for id_, where in self.book.items() if where == WAITING)
        assert sorted(held) == sorted(id_ for id_, where in self.book.items() if where == HELD)
        counts = Counter(lease.service for lease in card.leases)
        assert counts[COMFYUI] <= 1
        assert counts[OLLAMA] <= self.rules.slots
        if self.rules.handoff == "exclusive":
            self._check_exclusive(card, set(counts))

    def _check_exclusive(self, card: Card, leased: set[str]) -> None:
        coming = {card.switch.to} if card.switch else set()
        adopted = coming if card.resident == UNKNOWN else set[str]()  # taken back into an emptied Redis
        assert leased <= ({card.resident} | adopted), "a lease on a service that has not the card"
        assert not (card.resident == NOBODY and leased)
        ollama, comfyui = self.services[OLLAMA], self.services[COMFYUI]
        assert not (ollama.computing and comfyui.computing), "two services compute at once"
        assert self.disturbed or not (ollama.loaded and comfyui.loaded), "two services hold the card"
