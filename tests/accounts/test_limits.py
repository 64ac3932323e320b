"""What is scarce: used, allowed, shown before it bites, and when it frees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import limits
from accounts.errors import AppError, Code
from accounts.models import Allowance, Role, Usage, User


def use(user: User, kind: str, amount: float, hours_ago: float = 0) -> None:
    Usage.objects.create(user=user, kind=kind, amount=amount, at=timezone.now() - timedelta(hours=hours_ago))


def allow(user: User, **amounts: float) -> None:
    Allowance.objects.create(user=user, **amounts)


def refusal(user: User, *kinds: str, more: float = 0) -> AppError:
    with pytest.raises(AppError) as refused:
        limits.check(user, *kinds, more=more)
    assert refused.value.code is Code.LIMIT
    return refused.value


def test_a_user_has_no_limits_until_somebody_sets_one(alice: User) -> None:
    use(alice, limits.GPU, 1e6)
    limits.check(alice, limits.GPU, limits.PICTURES, limits.STORAGE)
    assert limits.close_ones(alice) == []


def test_a_used_up_limit_says_when_it_frees(alice: User) -> None:
    allow(alice, gpu_minutes=10)
    use(alice, limits.GPU, 300, hours_ago=23)
    use(alice, limits.GPU, 400, hours_ago=2)
    refused = refusal(alice, limits.GPU)
    assert "10 minutes" in str(refused)
    assert refused.retry_after == pytest.approx(3600, abs=5), "when the five minutes of 23 hours ago fade"


def test_it_frees_when_enough_has_faded_and_not_before(alice: User) -> None:
    allow(alice, gpu_minutes=10)
    use(alice, limits.GPU, 60, hours_ago=23)
    use(alice, limits.GPU, 700, hours_ago=2)
    assert refusal(alice, limits.GPU).retry_after == pytest.approx(22 * 3600, abs=5)


def test_yesterday_does_not_count(alice: User) -> None:
    allow(alice, gpu_minutes=10)
    use(alice, limits.GPU, 6000, hours_ago=24.1)
    limits.check(alice, limits.GPU)


def test_more_than_is_left_is_refused_with_what_is_left(alice: User) -> None:
    allow(alice, pictures=5)
    use(alice, limits.PICTURES, 3)
    limits.check(alice, limits.PICTURES, more=2)
    assert " 2 " in str(refusal(alice, limits.PICTURES, more=3))


def test_what_was_given_back_may_be_used_again(alice: User) -> None:
    allow(alice, pictures=4)
    use(alice, limits.PICTURES, 4)
    use(alice, limits.PICTURES, -2)
    limits.check(alice, limits.PICTURES, more=2)


@pytest.mark.parametrize(
    ("own", "role", "other", "allowed"),
    [
        (None, None, None, None),
        (None, 10, None, 10),
        (3, 10, None, 3),
        (30, 10, None, 30),
        (None, 10, 20, 20),
        (0, None, None, 0),
    ],
)
def test_ones_own_limit_wins_and_of_groups_the_most_generous(
    alice: User, own: int | None, role: int | None, other: int | None, allowed: int | None
) -> None:
    Allowance.objects.create(user=alice, pictures=own)
    if role is not None:
        Allowance.objects.create(group=Group.objects.get(name=Role.USER), pictures=role)
    if other is not None:
        group = Group.objects.create(name="family")
        Allowance.objects.create(group=group, pictures=other)
        alice.groups.add(group)
    assert limits.allowance_of(alice)[limits.PICTURES] == allowed


def test_guests_have_limits_from_the_first_day(db: None) -> None:
    guest = User.objects.create_user("guest", role=Role.GUEST)
    assert limits.allowance_of(guest) == {limits.GPU: 30, limits.PICTURES: 10, limits.STORAGE: 200}


def test_a_limit_is_shown_before_it_bites(alice: User) -> None:
    allow(alice, gpu_minutes=10, pictures=10)
    use(alice, limits.GPU, 7.9 * 60)
    assert limits.close_ones(alice) == []
    use(alice, limits.GPU, 12)
    (close,) = limits.close_ones(alice)
    assert close.line == "8.1 of 10 minutes of the card in 24 hours"
    assert close.share == pytest.approx(0.81)


def test_nothing_at_all_may_be_allowed(alice: User) -> None:
    allow(alice, pictures=0)
    assert refusal(alice, limits.PICTURES).retry_after
