"""The card's rules in a world that breaks: these things hold whatever happens, and everybody's turn comes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gpu.arbiter.order import used_ms
from gpu.arbiter.state import CHAT, COMFYUI, DRAW, IDLE, NOBODY, OLLAMA, THINK, Card, Rules
from tests.gpu.world import WAITING, Holder, World

FEW = st.integers(0, 5)
STAGES = st.sampled_from([CHAT, CHAT, THINK, DRAW, DRAW, IDLE])
SERVICES = st.sampled_from([OLLAMA, COMFYUI])
PASSING = st.sampled_from([1, 40, 900, 4_000, 4_000, 11_000, 16_000, 40_000])
CARDS = st.builds(
    Rules,
    policy=st.sampled_from(["household", "household", "strict", "fifo"]),
    handoff=st.sampled_from(["exclusive", "exclusive", "exclusive", "shared", "none"]),
    slots=st.sampled_from([1, 1, 2, 3]),
    think_batch=st.sampled_from([1, 2, 8]),
    min_free_mb=st.sampled_from([0, 1024]),
    restore=st.booleans(),
    grace=st.sampled_from([0, 20_000]),
)
MOST_WAITING = 3
BACK_TO_WORK = 8  # rounds in which leases and hand-overs of the dead run out
WISHED = 3  # rounds: the hand-over that runs, the one that was wished for, and its turn
ROUND = 4_000  # ms in which, once everything is well, whatever was granted ends


class Machine(RuleBasedStateMachine):
    """Everything that people, workers, switchers, services, clocks and Redis may do."""

    world: World
    older: Card

    @initialize(rules=CARDS)
    def begin(self, rules: Rules) -> None:
        self.world = World(rules)
        self.older = Card()

    # People

    @rule(stage=STAGES, row=st.integers(1, 12), user=st.integers(1, 4))
    def somebody_asks(self, stage: str, row: int, user: int) -> None:
        self.world.enqueue(stage, user, row)

    @rule(stage=STAGES, user=st.integers(1, 4))
    def somebody_asks_anew(self, stage: str, user: int) -> None:
        self.world.enqueue(stage, user)

    @rule(row=st.integers(1, 12))
    def somebody_cancels(self, row: int) -> None:
        self.world.do("cancel", ticket_id=f"job:{row}")

    @rule(service=st.sampled_from([OLLAMA, COMFYUI, "none"]), force=st.booleans())
    def an_admin_wishes(self, service: str, force: bool) -> None:
        self.world.do("wish", service=service, force=force)

    @rule(user=st.integers(1, 2), service=st.sampled_from([NOBODY, COMFYUI]))
    def somebody_borrows(self, user: int, service: str) -> None:
        self.world.do("borrow", user_id=user, service=service, ms=30_000)

    @rule()
    def somebody_gives_back(self) -> None:
        self.world.do("give_back", user_id=None)

    @rule(op=st.sampled_from(["pause", "drain"]), on=st.booleans())
    def an_admin_holds_the_line(self, op: str, on: bool) -> None:
        self.world.do(op, on=on)

    @rule(service=SERVICES)
    def an_admin_retries(self, service: str) -> None:
        self.world.do("retry", service=service)

    @rule(user=st.integers(1, 4))
    def the_ledger_is_read_again(self, user: int) -> None:
        self.world.do("recall", used={str(user): 20_000})

    # Workers

    def _worker(self, which: int, *, claimed: bool) -> Holder | None:
        able = [one for one in self.world.workers if one.claimed == claimed and not one.stopped]
        return able[which % len(able)] if able else None

    @rule(which=FEW)
    def a_task_begins(self, which: int) -> None:
        if worker := self._worker(which, claimed=False):
            self.world.claim(worker)

    @rule(which=FEW)
    def a_task_is_delivered_twice(self, which: int) -> None:
        if worker := self._worker(which, claimed=True):
            self.world.deliver_again(worker)

    @rule(which=FEW)
    def a_task_is_lost(self, which: int) -> None:
        if worker := self._worker(which, claimed=False):
            self.world.workers.remove(worker)

    @rule(which=FEW)
    def a_worker_computes(self, which: int) -> None:
        if worker := self._worker(which, claimed=True):
            self.world.start(worker)

    @rule(which=FEW)
    def a_worker_finishes(self, which: int) -> None:
        if worker := self._worker(which, claimed=True):
            self.world.finish(worker)

    @rule(which=FEW)
    def a_worker_dies(self, which: int) -> None:
        if worker := self._worker(which, claimed=True):
            self.world.die(worker)

    @rule(which=FEW, about_to_call=st.booleans())
    def a_worker_is_stopped(self, which: int, about_to_call: bool) -> None:
        if (worker := self._worker(which, claimed=True)) and self.world.is_held(worker):
            worker.stopped, worker.about_to_call = True, about_to_call

    @rule(which=FEW)
    def a_stopped_process_wakes(self, which: int) -> None:
        stopped = [one for one in [*self.world.workers, *self.world.switchers] if one.stopped]
        if stopped:
            self.world.wake(stopped[which % len(stopped)])

    @rule()
    def what_nobody_waits_for_ends(self) -> None:
        held = {worker.work for worker in self.world.workers}
        self.world.services[COMFYUI].computing &= held

    # Switchers

    def _switcher(self, *, claimed: bool) -> Holder | None:
        able = (one for one in self.world.switchers if one.claimed == claimed and not one.stopped)
        return next(able, None)

    @rule()
    def a_switch_begins(self) -> None:
        if switcher := self._switcher(claimed=False):
            self.world.claim_switch(switcher)

    @rule()
    def a_switch_succeeds(self) -> None:
        if switcher := self._switcher(claimed=True):
            self.world.switch(switcher)

    @rule()
    def a_switch_fails(self) -> None:
        if switcher := self._switcher(claimed=True):
            self.world.fail(switcher)

    @rule(dies=st.booleans())
    def a_switcher_dies_or_stops(self, dies: bool) -> None:
        if switcher := self._switcher(claimed=True):
            if dies:
                self.world.die(switcher)
            else:
                switcher.stopped = True

    # The rest of the world

    @rule(ms=PASSING)
    def time_passes(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule(free=st.sampled_from([200, 20_000]), held=st.sampled_from([0, 8_000]))
    def the_memory_is_read(self, free: int, held: int) -> None:
        self.world.do("measure", free=free, held=held)

    @rule(service=SERVICES)
    def somebody_else_uses_a_service(self, service: str) -> None:
        self.world.outsider(service)

    @rule()
    def the_services_are_looked_at(self) -> None:
        self.world.look()

    @rule()
    def redis_saves(self) -> None:
        self.older = self.world.card

    @rule(emptied=st.booleans())
    def redis_restarts(self, emptied: bool) -> None:
        self.world.lose_redis(Card() if emptied else self.older)

    @invariant()
    def nothing_breaks(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            heal(self.world)
            nobody_starves(self.world)
            settle(self.world)


def heal(world: World) -> None:
    """Have everything work from now on: what was stopped is dead, what was borrowed comes back."""
    for holder in [*world.workers, *world.switchers]:
        if holder.stopped:
            world.die(holder)
    world.services[COMFYUI].computing.clear()
    for op in ("pause", "drain"):
        world.do(op, on=False)
    world.do("give_back", user_id=None)


def one_round(world: World) -> None:
    """Let a moment pass in which every task and every hand-over runs to its end."""
    world.pass_time(ROUND)
    world.do("measure", free=20_000, held=0)
    for switcher in list(world.switchers):
        world.claim_switch(switcher)
        if switcher in world.switchers:
            world.switch(switcher)
    for worker in list(world.workers):
        if not worker.claimed:
            world.claim(worker)
        if worker in world.workers:
            world.start(worker)
        if worker in world.workers:
            world.finish(worker)
    world.check()


def is_busy(card: Card) -> bool:
    return bool(card.leases) or any(ticket.stage != IDLE for ticket in card.tickets)


def settle(world: World) -> None:
    """Assert that every ticket ends within a bound once everything works; idle work may wait for Ollama."""
    still = world.rules.longest_cool + world.rules.ttl + world.rules.claim
    switches_and_turns = 4 * (len(world.card.tickets) + len(world.card.leases)) + 4
    bound = world.now + still + switches_and_turns * ROUND
    while world.now < bound and is_busy(world.card):
        one_round(world)
    assert not is_busy(world.card)
    if world.rules.restore and world.rules.handoff == "exclusive":
        # A wish that still waits brings ComfyUI first, and it stays for the grace from then on.
        for _ in range(WISHED):
            one_round(world)
        world.pass_time(world.rules.grace)
        for _ in range(2 * len(world.card.tickets) + 2):
            one_round(world)
        assert not world.card.tickets or world.card.resident == NOBODY  # freed on purpose: titles wait


def nobody_starves(world: World) -> None:
    """Assert that each stage's last ticket is served within a bound, while others ask for more and more.

    The bound, in turns: what its owner used lately, then for each ticket of the same stage
    ahead of it by then one batch of words, the answers that wait, and the turn itself.
    """
    for stage in (CHAT, THINK, DRAW) if world.rules.policy != "strict" else ():
        line = [ticket for ticket in world.card.tickets if ticket.stage == stage]
        if not line:
            continue
        last, rules = line[-1], world.rules
        ahead = len(world.card.tickets) if rules.policy == "fifo" else len(line)
        batch = 1 if rules.policy == "fifo" else rules.think_batch + 2 + chats_waiting(world)
        owed = used_ms(world.card, last.user_id, world.now, rules) / ROUND
        ahead += MOST_WAITING if owed else 0  # who came before that was paid
        bound, rounds = owed + (ahead + 1) * batch + BACK_TO_WORK, 0
        while world.book[last.id] == WAITING:
            rounds += 1
            assert rounds <= bound, f"{last.id} starves: {stage}, {rules}"
            others_ask(world)
            one_round(world)


def chats_waiting(world: World) -> int:
    return sum(ticket.stage == CHAT for ticket in world.card.tickets)


def others_ask(world: World) -> None:
    """Keep a question, a picture's words and a picture waiting, each of somebody who has used nothing yet."""
    for service in (OLLAMA, COMFYUI):
        world.do("retry", service=service)
    for stage in (CHAT, THINK, DRAW):
        if sum(ticket.stage == stage for ticket in world.card.tickets) < MOST_WAITING:
            world.enqueue(stage, user_id=1_000 + world.rows)


def run(histories: int, number: int = 0) -> None:
    """Run so many histories of up to 50 steps; another number, other histories."""
    chosen = settings(
        max_examples=histories,
        stateful_step_count=50,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seeded = seed(number)(type("Machine", (Machine,), {}))
    run_state_machine_as_test(seeded, settings=chosen)


def test_nothing_breaks_and_everybodys_turn_comes() -> None:
    run(400)


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 11))
def test_nothing_breaks_in_ten_thousand_histories(number: int) -> None:
    run(1_000, number)
