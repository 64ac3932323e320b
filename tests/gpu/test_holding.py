"""A lease in this process's hands: kept, lost, and taken back, over a real Redis."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.test import override_settings

from gpu import arbiter
from gpu.arbiter import COMFYUI, OLLAMA, Held, LeaseLostError, Ticket, holding, line
from gpu.arbiter.holding import claim, hold, keeper, let_go
from launch.ports import free_port
from live.redis import RedisError, client

TTL = 2.0  # where a test waits for the end of a lease
RENEW = 0.2


def rest() -> None:
    """Have the renewing thread see that nothing is held, so that it takes up the next test's times."""
    for left in list(keeper()._held.values()):
        keeper().drop(left)
    wait_for(lambda: not is_listened_for())


@pytest.fixture(autouse=True, scope="module")
def rested_keeper() -> None:
    rest()  # other modules hold leases with the usual times


@pytest.fixture(autouse=True)
def quick_settings() -> Iterator[None]:
    with override_settings(GPU_LEASE_RENEW=RENEW, GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI=False):
        yield


@pytest.fixture
def granted() -> list[str]:
    """The leases that were granted on a card that Ollama has."""
    ids: list[str] = []
    arbiter.send_grants_with("test", lambda _row, lease_id: ids.append(lease_id))
    line.hand_over_with(lambda _switch, _service: None)
    arbiter.transact("see", resident=OLLAMA)
    return ids


def grant(granted: list[str], row_id: int = 1) -> str:
    assert arbiter.enqueue(Ticket("test", row_id, 0)) == "queued"
    return granted.pop()


def take(granted: list[str], row_id: int = 1) -> Held:
    held = claim(grant(granted, row_id))
    assert held
    return held


@contextmanager
def seldom_renewed() -> Iterator[None]:
    """Have no renewal come to help while `wait_for` waits."""
    with override_settings(GPU_LEASE_TTL=180, GPU_LEASE_RENEW=60):
        yield
        rest()


def wait_for(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Return when it holds."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, "it did not come to that"
        time.sleep(0.005)


def test_a_lease_is_claimed_once(granted: list[str]) -> None:
    lease_id = grant(granted)
    with hold(lease_id) as first, hold(lease_id) as second:
        assert first
        assert first.ticket
        assert first.ticket.row_id == 1
        assert second is None
    assert not arbiter.read().leases
    with hold(lease_id) as gone:
        assert gone is None


def test_of_many_claims_at_once_one_wins(granted: list[str]) -> None:
    lease_id = grant(granted)
    won: list[Held | None] = []
    threads = [threading.Thread(target=lambda: won.append(claim(lease_id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [held for held in won if held]
    assert len(winners) == 1
    let_go(winners[0])


def test_a_held_lease_is_renewed_past_its_time(granted: list[str]) -> None:
    held = take(granted)
    over = arbiter.read().leases[0].until
    wait_for(lambda: arbiter.read().leases[0].until > over)
    line.evaluate("tick", {}, line.rules(), over)  # takes back what is over
    wait_for(lambda: held.renewed > held.claimed)
    held.check()
    assert not held.lost
    let_go(held)
    assert not arbiter.read().leases


def test_an_unclaimed_lease_is_granted_again(granted: list[str]) -> None:
    with override_settings(GPU_LEASE_CLAIM=0):
        lease_id = grant(granted)
    arbiter.tick()
    again = granted.pop()
    assert again != lease_id
    assert claim(lease_id) is None
    held = claim(again)
    assert held
    let_go(held)


def test_a_loss_is_told_at_once(granted: list[str]) -> None:
    told: list[str] = []
    with seldom_renewed():
        held = take(granted)
        held.on_loss(lambda: told.append(held.id))
        wait_for(is_listened_for)
        assert arbiter.transact("wish", service=COMFYUI, force=True).answer == "asked"
        wait_for(lambda: told)
        assert held.lost
        with pytest.raises(LeaseLostError):
            held.check()
        let_go(held)
    assert told == [held.id]


def test_a_lease_that_is_new_to_a_listening_process_is_heard_of_too(granted: list[str]) -> None:
    with seldom_renewed():
        first, second = take(granted, 1), take(granted, 2)
        wait_for(is_listened_for)
        arbiter.transact("wish", service=COMFYUI, force=True)
        wait_for(lambda: first.lost and second.lost)
        let_go(first)
        let_go(second)


def is_listened_for() -> bool:
    return bool(client().pubsub_numsub(line.loss_channel())[0][1])


def test_whoever_asks_after_the_loss_hears_of_it_too(granted: list[str]) -> None:
    held, told = take(granted), threading.Event()
    arbiter.transact("wish", service=COMFYUI, force=True)
    with pytest.raises(LeaseLostError):
        held.check()  # finds out by itself
    held.on_loss(told.set)
    assert told.is_set()
    let_go(held)


def test_what_was_lost_releases_nothing(granted: list[str]) -> None:
    held = take(granted)
    arbiter.transact("wish", service=COMFYUI, force=True)
    before = arbiter.read()
    let_go(held)
    after = arbiter.read()
    assert (after.used, after.switch) == (before.used, before.switch)


def test_an_emptied_redis_takes_the_lease_back(granted: list[str]) -> None:
    held = take(granted)
    client().flushdb()
    wait_for(lambda: arbiter.read().leases)
    assert [lease.id for lease in arbiter.read().leases] == [held.id]
    held.check()
    assert not held.lost
    assert arbiter.read().resident == OLLAMA
    let_go(held)
    assert not arbiter.read().leases


def test_an_emptied_redis_does_not_take_back_what_another_has_got_meanwhile(granted: list[str]) -> None:
    with seldom_renewed():
        held = take(granted)
        client().flushdb()
        arbiter.transact("see", resident=COMFYUI)
        arbiter.enqueue(Ticket("test", 2, 0, service=COMFYUI, stage="draw"))
        assert granted
        with pytest.raises(LeaseLostError):
            held.check()
        let_go(held)
    assert [lease.id for lease in arbiter.read().leases] == granted


def test_a_release_charges_what_was_held_or_what_the_holder_says(granted: list[str]) -> None:
    charged: list[tuple[float, float | None]] = []

    def note(_ticket: Ticket, used: float, wall: float | None) -> None:
        charged.append((used, wall))

    before = list(holding._notes)
    holding.note_releases_with(note)
    try:
        with hold(grant(granted, 1)) as whole:
            time.sleep(0.1)
            assert whole
            whole.complete = True
        with hold(grant(granted, 2)) as held:
            assert held
            held.used = 7.0
    finally:
        holding._notes[:] = before
    (used, wall), (told, unknown) = charged
    assert unknown is None  # it did not come to its end
    assert used == wall
    assert used >= 0.1
    assert told == 7.0


def test_a_call_is_not_made_under_a_lost_lease(granted: list[str]) -> None:
    held = take(granted)
    forget(held)
    begun: list[str] = []

    def call() -> Iterator[str]:
        begun.append("called")
        yield "piece"

    with pytest.raises(LeaseLostError):
        list(held.watch(call()))
    assert not begun
    let_go(held)


def test_what_slipped_through_is_noticed_at_its_first_piece(granted: list[str]) -> None:
    held = take(granted)

    def call() -> Iterator[str]:
        forget(held)
        yield from ("first", "second")

    with pytest.raises(LeaseLostError):
        list(held.watch(call()))
    let_go(held)


def forget(held: Held) -> None:
    """Have the card end the lease without a word to its holder."""
    card = arbiter.read()
    card.leases = [lease for lease in card.leases if lease.id != held.id]
    client().set(line.card_key(), card.to_json())


class OwnRedis:
    """A Redis of the test's own, which it may stop; this process uses it meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": folder, "save": ""}
        self._command = [
            "redis-server",
            *(str(word) for name in options for word in (f"--{name}", options[name])),
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def back(self) -> None:
        """Run again, whatever was done to it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            self.start()
        wait_for(answers)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{redis.port}/0"):
        forget_connections()
        wait_for(answers)
        yield redis
        redis.back()
        rest()
    forget_connections()
    redis.end()


def forget_connections() -> None:
    client.cache_clear()
    line._script.cache_clear()


def answers() -> bool:
    try:
        return bool(client().ping())
    except RedisError:
        return False


@override_settings(GPU_LEASE_TTL=TTL)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "hanging"])
def test_without_redis_a_lease_holds_until_its_time_is_over(
    own_redis: OwnRedis, granted: list[str], how: signal.Signals
) -> None:
    told = threading.Event()
    arbiter.transact("see", resident=OLLAMA)
    held = take(granted)
    held.on_loss(told.set)
    own_redis.process.send_signal(how)
    assert told.wait(20)
    assert time.monotonic() - held.renewed >= TTL
    own_redis.back()
    with pytest.raises(LeaseLostError):
        held.check()  # too old to be sure of, whatever Redis says now
    let_go(held)
    arbiter.transact("see", resident=OLLAMA)
    with hold(grant(granted, 2)) as again:
        assert again
        wait_for(lambda: again.renewed > again.claimed + RENEW)
        again.check()


def test_a_claim_is_as_old_as_its_question(granted: list[str]) -> None:
    lease_id = grant(granted)
    client().client_pause(500, all=False)  # whoever writes waits
    held = claim(lease_id)
    assert held
    assert held.claimed - held.renewed >= 0.4
    let_go(held)
