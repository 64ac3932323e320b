"""Leases in this process's hands: claimed, renewed by one thread, checked, released.

The thread listens for losses while it waits for the next renewal, so a holder hears at
once that its lease was taken. A second thread watches the clock alone: a Redis that hangs
holds up the first, and nobody may believe in a lease whose time is over. A process that
was stopped past its lease hears it as soon as it runs again; what it started in between
it must take back itself (`Held.check`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cache
from typing import Any, TypeVar

from django.conf import settings

from gpu.arbiter.line import loss_channel, transact
from gpu.arbiter.state import Lease, Switch, Ticket
from live.redis import RedisError, client

logger = logging.getLogger(__name__)
LISTEN = 0.5  # seconds; the longest time in which a new lease waits to be listened for
CLOCK = 0.25  # seconds between two looks at the clock while something is held
RELEASE_TRIES = 3


Note = Callable[[Ticket, float, float | None], None]
Piece = TypeVar("Piece")
_notes: list[Note] = []


def note_releases_with(note: Note) -> None:
    """Have `note(ticket, seconds charged, seconds held)` called after each release; from AppConfig.ready.

    The seconds held are None when the work did not come to its end.
    """
    _notes[:] = [note]


class LeaseLostError(Exception):
    """The lease belongs to nobody or to somebody else; whatever was started must be taken back."""


class Held:
    """A lease or a switch that this process has claimed. Any thread may ask."""

    def __init__(self, held: Lease | Switch, asked: float) -> None:
        self.id, self.token = held.id, held.token
        self.ticket = held.ticket if isinstance(held, Lease) else None
        self.known = asdict(held)
        """As this process knows it, for a card that has forgotten it."""
        self.switch = held if isinstance(held, Switch) else None
        self.used: float | None = None
        """Seconds of the card to be charged; None: from the claim to the release."""
        self.complete = False
        """Whether the work came to its end."""
        self.claimed = time.monotonic()
        self.renewed = asked
        """When Redis was last asked for it: its time began after that, however late the answer is heard."""
        self._lost = threading.Event()
        self._on_loss: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def lost(self) -> bool:
        """Whether it is known to be lost, or too old to be sure of."""
        return self._lost.is_set() or time.monotonic() - self.renewed > settings.GPU_LEASE_TTL

    def on_loss(self, call: Callable[[], None]) -> None:
        """Have `call` called once when the lease is lost, at once if it is already."""
        with self._lock:
            self._on_loss.append(call)
            lost = self._lost.is_set()
        if lost:
            call()

    def check(self) -> None:
        """Ask Redis whether it is still held, around each call that starts work. Raises LeaseLostError."""
        held = not self.lost  # too old: an emptied Redis would take it back, and must not
        if held:
            try:
                held = bool(transact("check", held=self.known).answer)
            except RedisError:
                held = not self.lost  # Redis away: the lease holds until its time is over
        if not held:
            self.lose()
            raise LeaseLostError(self.id)

    def watch(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Yield what a call brings that starts work: held right before it begins, and once it has begun.

        Raises LeaseLostError.
        """
        self.check()
        for number, piece in enumerate(pieces):
            if number == 0:
                self.check()
            yield piece

    def lose(self) -> None:
        """Tell everybody who asked, once."""
        with self._lock:
            if self._lost.is_set():
                return
            self._lost.set()
            calls = list(self._on_loss)
        logger.warning("%s is lost", self.id)
        for call in calls:
            call()


class Keeper:
    """The process's renewing thread, and its clock; they sleep while nothing is held."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._threads: list[threading.Thread] = []

    def keep(self, held: Held) -> None:
        """Renew until `drop`."""
        with self._lock:
            self._held[held.id] = held
            if not any(thread.is_alive() for thread in self._threads):
                self._begin()
            self._some.set()

    def _begin(self) -> None:
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("leases", self._run), ("leases-clock", self._watch_clock))
        ]
        for thread in self._threads:
            thread.start()

    def drop(self, held: Held) -> None:
        with self._lock:
            self._held.pop(held.id, None)
            if not self._held:
                self._some.clear()

    def _run(self) -> None:
        while True:
            self._some.wait()
            try:
                self._keep_all()
            except RedisError as error:
                logger.warning("leases could not be renewed, trying again: %s", error)
                time.sleep(LISTEN)
            except Exception:  # whoever holds a lease relies on this thread
                logger.exception("renewing leases met an error")
                time.sleep(LISTEN)

    def _watch_clock(self) -> None:
        while True:
            self._some.wait()
            try:
                self._expire()
            except Exception:  # a call of `on_loss` that fails must not end it
                logger.exception("telling a loss met an error")
            time.sleep(CLOCK)

    def _keep_all(self) -> None:
        with contextlib.closing(client().pubsub(ignore_subscribe_messages=True)) as losses:
            losses.subscribe(loss_channel())
            while self._some.is_set():
                self._renew()
                self._listen(losses, time.monotonic() + settings.GPU_LEASE_RENEW)

    def _listen(self, losses: Any, until: float) -> None:
        while (left := until - time.monotonic()) > 0 and self._some.is_set():
            message = losses.get_message(timeout=min(left, LISTEN))
            if message and (held := self._held.get(str(message["data"]))):
                held.lose()

    def _renew(self) -> None:
        with self._lock:
            mine = dict(self._held)
        for held_id in [held_id for held_id, held in mine.items() if held.lost]:
            mine.pop(held_id).lose()
        if not mine:
            return
        asked = time.monotonic()
        known = [held.known for held in mine.values()]
        lost = set(transact("renew", held=known).answer or [])
        for held_id, held in mine.items():
            if held_id in lost:
                held.lose()
            else:
                held.renewed = asked

    def _expire(self) -> None:
        """Without Redis nobody can say that a lease still holds once its time is over."""
        for held in list(self._held.values()):
            if held.lost:
                held.lose()


@cache
def keeper() -> Keeper:
    """Return this process's keeper."""
    return Keeper()


@contextlib.contextmanager
def hold(held_id: str) -> Iterator[Held | None]:
    """Claim a granted lease and hold it meanwhile; yields None when it is gone or another's.

    Without Redis nothing can be claimed: raises RedisError.
    """
    held = claim(held_id)
    if held is None:
        yield None
        return
    try:
        yield held
    finally:
        let_go(held)


def claim(held_id: str) -> Held | None:
    """Take what was granted, None when it is gone; `let_go` ends it. Raises RedisError."""
    asked = time.monotonic()
    reply = transact("claim", held_id=held_id)
    if not reply.answer:
        return None
    card = reply.card
    found = next((lease for lease in card.leases if lease.id == held_id), card.switch)
    if found is None:
        return None
    held = Held(found, asked)
    keeper().keep(held)
    return held


def let_go(held: Held) -> None:
    """Release the lease; one that can't be told is taken back when its time is over."""
    keeper().drop(held)
    if held.ticket is None:
        return  # a switch ends by its own word
    wall = time.monotonic() - held.claimed
    used = wall if held.used is None else held.used
    for attempt in range(RELEASE_TRIES):
        try:
            claimed_at = held.known["claimed_at"]
            transact("release", lease_id=held.id, used=int(used * 1000), claimed_at=claimed_at)
            break
        except RedisError:
            time.sleep(0.1 * 2**attempt)
    else:
        logger.warning("%s could not be released and runs out by itself", held.id)
    for note in _notes:
        note(held.ticket, used, wall if held.complete and not held.lost else None)
