from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Usage, User
from gpu import arbiter, forecast, ledger
from gpu.arbiter import line
from gpu.arbiter.holding import note_releases_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def leases() -> list[str]:
    """The ids of leases granted to tickets of the kind "test"."""
    granted: list[str] = []
    arbiter.send_grants_with("test", lambda _row, lease_id: granted.append(lease_id))
    note_releases_with(ledger.note_release)
    arbiter.transact("see", resident=arbiter.OLLAMA)
    return granted


def test_what_was_used_is_charged_to_its_person(alice: User, leases: list[str]) -> None:
    arbiter.enqueue(arbiter.Ticket("test", 1, alice.pk))
    with arbiter.hold(leases.pop()) as held:
        assert held
        held.used = 12.5
    (row,) = Usage.objects.all()
    assert (row.user, row.kind, row.amount) == (alice, "gpu", 12.5)
    assert arbiter.read().used[str(alice.pk)].ms == 12_500


def test_a_lease_that_used_nothing_is_not_written_down(alice: User, leases: list[str]) -> None:
    arbiter.enqueue(arbiter.Ticket("test", 1, alice.pk))
    with arbiter.hold(leases.pop()) as held:
        assert held
        held.used = 0
    assert not Usage.objects.exists()


@pytest.mark.parametrize("complete", [True, False])
def test_only_work_that_came_to_its_end_teaches_how_long_it_takes(
    alice: User, leases: list[str], complete: bool
) -> None:
    arbiter.enqueue(arbiter.Ticket("test", 1, alice.pk, about="model"))
    with arbiter.hold(leases.pop()) as held:
        assert held
        held.used, held.complete = 3.0, complete
    assert ("chat:model" in forecast.Durations.read().known) == complete
    assert Usage.objects.count() == 1


def test_somebody_deleted_meanwhile_stops_nothing(alice: User, leases: list[str]) -> None:
    ledger.charge(0, 5)
    ledger.charge(alice.pk, 5)
    assert Usage.objects.count() == 1


def test_a_card_that_has_forgotten_everything_is_told_what_was_used_lately(alice: User, bob: User) -> None:
    now = timezone.now()
    half_life = timedelta(milliseconds=line.rules().half_life)
    Usage.objects.create(user=alice, kind="gpu", amount=100, at=now)
    Usage.objects.create(user=bob, kind="gpu", amount=100, at=now - half_life)
    Usage.objects.create(user=bob, kind="gpu", amount=900, at=now - 10 * half_life)
    Usage.objects.create(user=bob, kind="pictures", amount=900, at=now)
    ledger.recall(arbiter.tick())
    used = arbiter.read().used
    assert used[str(alice.pk)].ms == pytest.approx(100_000, rel=0.01)
    assert used[str(bob.pk)].ms == pytest.approx(50_000, rel=0.01)


def test_it_is_told_only_once(alice: User) -> None:
    card = arbiter.tick()
    ledger.recall(card)
    Usage.objects.create(user=alice, kind="gpu", amount=100)
    ledger.recall(card)
    assert not arbiter.read().used
