"""What everybody used of the card: for ever in the database, the last hours of it in the card itself."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from accounts.models import Usage
from gpu import forecast
from gpu.arbiter import Card, Ticket, line, transact

logger = logging.getLogger(__name__)
GPU = "gpu"
SHORTEST = 0.01  # seconds; less is no use of the card
HALF_LIVES = 4  # what is older has faded
_recalled = [0]


def note_release(ticket: Ticket, used: float, held: float | None) -> None:
    """Charge the person, and learn how long such work takes when it came to its end."""
    charge(ticket.user_id, used)
    if used > 0 and held is not None:
        forecast.learn(f"{ticket.stage}:{ticket.about}", held)


def charge(user_id: int, seconds: float) -> None:
    """Write down what somebody used; a row that can't be written costs only its place in the ledger."""
    if seconds < SHORTEST or not user_id:
        return
    try:
        Usage.objects.create(user_id=user_id, kind=GPU, amount=round(seconds, 3))
    except (DatabaseError, IntegrityError) as error:
        logger.warning("%.1f s of user %s are not in the ledger: %s", seconds, user_id, error)


def recall(card: Card) -> None:
    """Tell a card that has begun anew what everybody used lately. Raises RedisError."""
    if card.born == _recalled[0]:
        return
    half_life = line.rules().half_life / 1000
    now = timezone.now()
    lately = Usage.objects.filter(kind=GPU, at__gt=now - timedelta(seconds=HALF_LIVES * half_life))
    used: dict[str, float] = {}
    for user_id, amount, at in lately.values_list("user_id", "amount", "at"):
        faded = amount * 2 ** (-(now - at).total_seconds() / half_life)
        used[str(user_id)] = used.get(str(user_id), 0.0) + faded * 1000
    transact("recall", used={user_id: int(ms) for user_id, ms in used.items()})
    _recalled[0] = card.born
