"""What somebody has used, for their own programs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import Allowance, Usage, User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/usage", "/api/usage/"])
def test_the_limits_are_told_with_what_is_used(alice_client: Client, alice: User, path: str) -> None:
    Allowance.objects.create(user=alice, pictures=2)
    Usage.objects.create(user=alice, kind="picture", amount=2)
    Usage.objects.create(user=alice, kind="gpu", amount=90)
    told = {limit["kind"]: limit for limit in alice_client.get(path).json()["limits"]}
    assert set(told) == {"gpu", "picture", "storage"}
    assert (told["gpu"]["used"], told["gpu"]["allowed"], told["gpu"]["is_reached"]) == (1.5, None, False)
    assert (told["picture"]["used"], told["picture"]["allowed"], told["picture"]["share"]) == (2, 2, 1)
    assert told["picture"]["is_reached"]
    assert told["picture"]["frees_at"]
    assert told["picture"]["line"] == "2 of 2 pictures in 24 hours"


def test_the_days_are_told_newest_first(alice_client: Client, alice: User, bob: User) -> None:
    for day, user, kind, amount in [
        (1, alice, "gpu", 10),
        (1, alice, "gpu", 5),
        (1, alice, "picture", 1),
        (3, alice, "picture", 4),
        (3, bob, "picture", 40),
    ]:
        at = datetime(2026, 5, day, 12, tzinfo=UTC)
        Usage.objects.create(user=user, kind=kind, amount=amount, at=at)
    told = alice_client.get("/api/usage/days").json()
    assert told["results"] == [
        {"day": "2026-05-03", "gpu_seconds": 0, "pictures": 4},
        {"day": "2026-05-01", "gpu_seconds": 15, "pictures": 1},
    ]
    assert alice_client.get("/api/usage/days?page_size=1").json()["next"].endswith("page=2&page_size=1")


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get("/api/usage").status_code == 401
    assert client.get("/api/usage/days").status_code == 401
