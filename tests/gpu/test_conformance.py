"""The rules in Python and the script in Redis are the same: both are driven with the same histories."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from typing import Any

import pytest

from gpu.arbiter import line
from gpu.arbiter.rules import OPS, apply
from gpu.arbiter.state import Card
from gpu.arbiter.step import Step
from gpu.sentences import LINES, diary_line
from live.redis import client
from tests.gpu.histories import START, history, passing, rules_for

LENGTH = 60


@pytest.mark.parametrize("seed", range(60))
def test_both_do_the_same(seed: int) -> None:
    drive(seed)


@pytest.mark.long
def test_both_do_the_same_for_long() -> None:
    for seed in range(1_000, 4_000):
        drive(seed)


def test_the_histories_reach_every_operation_and_every_event() -> None:
    ops, events, diary = set[str](), set[str](), set[str]()
    for seed in range(150):
        client().delete(line.card_key(), line.diary_key())
        for op, step in drive(seed):
            ops.add(op)
            events.update(event["type"] for event in step.events)
        for _seq, fields in client().xrange(line.diary_key()):
            event = json.loads(fields["f"])
            assert diary_line(event)
            diary.add(event["type"])
    assert ops == set(OPS)
    assert diary == set(LINES)
    assert events == {
        *("queued", "granted", "released", "cancelled", "expired", "unclaimed", "taken"),
        *("switching", "switched", "switch_failed", "switch_lost", "seen"),
        *("borrowed", "returned", "paused", "resumed", "draining", "open", "adopted"),
    }


def drive(seed: int) -> list[tuple[str, Step]]:
    """Return the steps of one history, each of which both sides took alike."""
    chance = random.Random(seed)
    rules = rules_for(chance)
    client().delete(line.card_key())
    card, now, steps = Card(), START, []
    for choose in history(chance, LENGTH):
        now += passing(chance)
        op, arguments = choose(card, chance)
        step = apply(card, op, arguments, now, rules)
        told = line.evaluate(op, arguments, rules, now)
        assert _told(told) == _stepped(step), f"seed {seed}, {op} {arguments}"
        card = step.card
        steps.append((op, step))
    return steps


def _told(told: dict[str, Any]) -> dict[str, Any]:
    answer = told.get("answer")
    return {
        "answer": answer or None,
        "grants": [grant["id"] for grant in told["grants"] or []],
        "switch": told.get("switch"),
        "events": told["events"] or [],
        "card": json.loads(Card.from_json(told["card"]).to_json()),
    }


def _stepped(step: Step) -> dict[str, Any]:
    return {
        "answer": step.answer or None,
        "grants": [lease.id for lease in step.grants],
        "switch": asdict(step.switch) if step.switch else None,
        "events": step.events,
        "card": json.loads(step.card.to_json()),
    }
