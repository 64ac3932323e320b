"""The simulated days are believable, repeatable, and the same for every policy."""

from __future__ import annotations

import pytest

from gpu.arbiter.state import CHAT, DRAW, THINK, Rules
from gpu.simulation import (
    DAY,
    FOREVER,
    HOUSEHOLD,
    POLICIES,
    TEAM,
    Day,
    House,
    Result,
    Session,
    Turn,
    Wait,
    mean,
    sessions,
    share_at,
    simulate,
)

CHATS = Turn(0.0, ((CHAT, 10.0),))
PICTURE = Turn(0.0, ((THINK, 6.0), (DRAW, 30.0)))


def one_day(policy: str, *day: Session) -> list[Wait]:
    return Day(day, Rules(policy=policy, ttl=FOREVER, claim=FOREVER)).run().waits


def test_one_chat_on_an_idle_card_does_not_wait() -> None:
    assert one_day("household", Session(1, 60.0, (CHATS,))) == [Wait(1, False, 0.0, 10.0)]


def test_a_picture_waits_for_its_hand_over_alone() -> None:
    assert one_day("household", Session(1, 60.0, (PICTURE,))) == [Wait(1, True, 20.0, 36.0)]


def test_a_chat_during_a_picture_waits_for_its_end_and_the_way_back() -> None:
    waits = one_day("household", Session(1, 60.0, (PICTURE,)), Session(2, 96.0, (CHATS,)))
    assert waits[1].waited == pytest.approx(20 + 5)


def test_the_next_turn_comes_after_the_answer_and_a_pause() -> None:
    later = Turn(5.0, ((CHAT, 10.0),))
    assert [wait.waited for wait in one_day("fifo", Session(1, 0.0, (CHATS, later)))] == [0.0, 0.0]


def test_the_same_seed_is_the_same_day_and_another_is_not() -> None:
    assert list(sessions(HOUSEHOLD, 1)) == list(sessions(HOUSEHOLD, 1))
    assert list(sessions(HOUSEHOLD, 1)) != list(sessions(HOUSEHOLD, 2))


def test_every_policy_serves_everything_that_was_asked() -> None:
    days = [session for seed in (1_000, 1_001) for session in sessions(HOUSEHOLD, seed)]
    asked = sum(len(session.turns) for session in days)
    for policy in POLICIES:
        result = simulate(HOUSEHOLD, policy, days=2)
        assert len(result.waits) == asked
        assert result.computing == pytest.approx(sum(wait.worked for wait in result.waits))
        assert result.computing + result.switching < 2 * DAY


def test_a_busy_house_asks_for_more() -> None:
    assert len(simulate(HOUSEHOLD.busier(3), "fifo", days=3).waits) > 2 * len(
        simulate(HOUSEHOLD, "fifo", days=3).waits
    )


@pytest.mark.parametrize("house", [HOUSEHOLD, TEAM], ids=lambda house: house.name)
def test_no_series_of_pictures_keeps_a_chat_waiting_for_minutes_on_end(house: House) -> None:
    longest = {policy: max(simulate(house, policy, days=10).waited(pictures=False)) for policy in POLICIES}
    assert longest["household"] < longest["fifo"]
    assert longest["household"] < longest["strict"]


def test_fairness_is_one_when_all_are_held_up_alike_and_less_otherwise() -> None:
    alike = Result(1, [Wait(1, False, 5.0, 5.0), Wait(2, False, 10.0, 10.0)])
    apart = Result(1, [Wait(1, False, 0.0, 5.0), Wait(2, False, 95.0, 5.0)])
    assert alike.fairness() == pytest.approx(1.0)
    assert apart.fairness() == pytest.approx((1 + 0.05) ** 2 / (2 * (1 + 0.05**2)))


def test_shares_and_means_of_nothing_are_no_numbers() -> None:
    assert share_at([3.0, 1.0, 2.0], 0.5) == 2.0
    assert mean([]) != mean([])
    assert share_at([], 0.5) != share_at([], 0.5)
