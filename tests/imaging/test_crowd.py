"""A hundred pictures of ten people in one line, on one card that changes hands."""

from __future__ import annotations

import json

import pytest
from django.test import override_settings

from accounts.models import Usage, User
from gpu import arbiter, handoff
from gpu.arbiter import line
from imaging.models import ImageJob
from live.redis import client
from tests.imaging.studio import PROMPT, Studio
from tests.standins.ollama_script import Script

PEOPLE, EACH, BATCH = 10, 10, 8
ONE_CARD = {
    "GPU_HANDOFF": "exclusive",
    "GPU_OLLAMA_SLOTS": 1,
    "GPU_THINK_BATCH": BATCH,
    "GPU_SETTLE": 0.0,
    "GPU_MIN_FREE_VRAM_MB": 0,
    "GPU_RESTORE_GRACE": 60.0,
    "GPU_LEASE_TTL": 15.0,
}


def switches() -> list[str]:
    """Return to whom the card was handed, in order."""
    events = [json.loads(fields["f"]) for _seq, fields in client().xrange(line.diary_key())]
    return [event["to"] for event in events if event["type"] == "switched"]


@pytest.mark.processes
def test_everybodys_pictures_come_in_a_fair_order_with_few_hand_overs(studio: Studio) -> None:
    people = [User.objects.create_user(f"someone{number}", None, "x" * 12) for number in range(PEOPLE)]
    pending: list[str] = []
    line.hand_over_with(lambda switch_id, _service: pending.append(switch_id))
    studio.ollama.default = Script(tokens=[json.dumps({"prompt": PROMPT})], first_byte_after=0.03)
    studio.comfyui.picture_seconds = studio.comfyui.free_seconds = 0.01
    with override_settings(**ONE_CARD):
        arbiter.transact("see", resident=arbiter.OLLAMA)
        arbiter.transact("pause", on=True)
        for person in people:
            for _ in range(EACH):
                studio.order(person)
        arbiter.transact("pause", on=False)
        while studio.grants or pending:
            if pending:
                handoff.carry_out(pending.pop(0))
            else:
                studio.work_once()
    assert set(ImageJob.objects.values_list("status", flat=True)) == {"done"}
    assert len(studio.rendered()) == len(set(studio.rendered())) == PEOPLE * EACH
    assert len(switches()) <= 2 * -(-PEOPLE * EACH // BATCH) + 2
    charges = list(Usage.objects.filter(kind="gpu").order_by("at", "pk").values_list("user_id", "amount"))
    used: dict[int, float] = {person.pk: 0.0 for person in people}
    longest = max(amount for _user_id, amount in charges)
    apart = 0.0
    for user_id, amount in charges[: len(charges) // 2]:  # as long as everybody has something in line
        used[user_id] += amount
        apart = max(apart, max(used.values()) - min(used.values()))
    assert apart <= 6 * longest  # first come, first served would be ten
