"""How much of what is scarce somebody has used of what they may use, and when it frees.

The ledger counts over a rolling day; storage is what is kept now. A person's own limit
wins over their groups'; of several groups the most generous counts; none means no limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from accounts.models import Allowance, Usage, User

DAY = timedelta(hours=24)
GPU, PICTURES, STORAGE = "gpu", "picture", "storage"
MB = 1_000_000
CLOSE = 0.8  # of a limit: from here on it is shown where people work

_storage_meters: list[Callable[[User], int]] = []


@dataclass(frozen=True)
class Limit:
    """One scarce thing, used and allowed in its own unit (minutes, pictures, MB); None: no limit."""

    kind: str
    used: float
    allowed: float | None
    frees_at: datetime | None = None

    @property
    def is_reached(self) -> bool:
        return self.allowed is not None and self.used >= self.allowed

    @property
    def is_close(self) -> bool:
        return self.allowed is not None and self.used >= CLOSE * self.allowed

    @property
    def share(self) -> float:
        """Return how much of it is used, 0 to 1; 0 without a limit."""
        if self.allowed is None:
            return 0.0
        return min(1.0, self.used / self.allowed) if self.allowed else 1.0

    @property
    def label(self) -> Promise:
        return LABELS[self.kind]

    @property
    def line(self) -> str:
        """Return the thing in words, as it is shown before it bites."""
        if self.allowed is None:
            return str(USED[self.kind] % {"used": _round(self.used)})
        return str(USED_OF[self.kind] % {"used": _round(self.used), "allowed": _round(self.allowed)})


LABELS = {GPU: _("Minutes of the card"), PICTURES: _("Pictures"), STORAGE: _("Storage")}
USED = {
    GPU: _("%(used)s minutes of the card in 24 hours"),
    PICTURES: _("%(used)s pictures in 24 hours"),
    STORAGE: _("%(used)s MB kept"),
}
USED_OF = {
    GPU: _("%(used)s of %(allowed)s minutes of the card in 24 hours"),
    PICTURES: _("%(used)s of %(allowed)s pictures in 24 hours"),
    STORAGE: _("%(used)s of %(allowed)s MB kept"),
}
REACHED = {
    GPU: _("You have used your %(allowed)s minutes of the card for these 24 hours. It goes on at %(when)s."),
    PICTURES: _("You have made your %(allowed)s pictures for these 24 hours. It goes on at %(when)s."),
    STORAGE: _("Your %(allowed)s MB are full. Delete pictures you don't need, and empty the bin."),
}


LEFT = {
    GPU: _("Of your minutes of the card %(left)s are left in these 24 hours. Ask for less."),
    PICTURES: _("Of your pictures %(left)s are left in these 24 hours. Ask for fewer."),
    STORAGE: _("Of your storage %(left)s MB are left. Delete pictures you don't need."),
}


def _round(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def measure_storage(meter: Callable[[User], int]) -> None:
    """Let `meter(user)` tell how many bytes an app keeps for somebody; called from AppConfig.ready."""
    _storage_meters.append(meter)


def allowance_of(user: User) -> dict[str, float | None]:
    """Return what the person may use by kind (minutes, pictures, MB), in one query."""
    rows = Allowance.objects.filter(Q(user=user) | Q(group__name=user.role) | Q(group__user=user)).distinct()
    mine = [row for row in rows if row.user_id]
    groups = [row for row in rows if not row.user_id]
    fields = {GPU: "gpu_minutes", PICTURES: "pictures", STORAGE: "storage_mb"}
    return {kind: _effective(name, mine, groups) for kind, name in fields.items()}


def _effective(name: str, mine: list[Allowance], groups: list[Allowance]) -> float | None:
    own = [getattr(row, name) for row in mine]
    if own and own[0] is not None:
        return float(own[0])
    theirs = [getattr(row, name) for row in groups]
    return None if not theirs or None in theirs else float(max(theirs))


def read_limits(user: User) -> list[Limit]:
    """Return every scarce thing with what the person has used of it."""
    allowed = allowance_of(user)
    return [
        _in_a_day(user, GPU, allowed[GPU], unit=60),
        _in_a_day(user, PICTURES, allowed[PICTURES]),
        Limit(STORAGE, sum(meter(user) for meter in _storage_meters) / MB, allowed[STORAGE]),
    ]


def _in_a_day(user: User, kind: str, allowed: float | None, *, unit: float = 1) -> Limit:
    rows = Usage.objects.filter(user=user, kind=kind, at__gt=timezone.now() - DAY)
    used = (rows.aggregate(total=Sum("amount"))["total"] or 0) / unit
    if allowed is None or used < allowed:
        return Limit(kind, used, allowed)
    left, frees_at = used, None
    for amount, at in rows.order_by("at").values_list("amount", "at"):
        left -= amount / unit
        frees_at = at + DAY
        if left < allowed:
            break
    return Limit(kind, used, allowed, frees_at or timezone.now() + DAY)


def check(user: Any, *kinds: str, more: float = 0) -> None:
    """Raise AppError limit when one of these is used up, or would be passed by `more` of it.

    Its sentence says when it frees.
    """
    allowed = allowance_of(user)
    if all(allowed[kind] is None for kind in kinds):
        return
    for limit in read_limits(user):
        if limit.kind in kinds and limit.is_reached:
            raise _reached(limit)
        if limit.kind in kinds and limit.allowed is not None and limit.used + more > limit.allowed:
            left = _round(limit.allowed - limit.used)
            raise AppError(LEFT[limit.kind] % {"left": left}, code=Code.LIMIT)


def _reached(limit: Limit) -> AppError:
    now = timezone.now()
    seconds = (limit.frees_at - now).total_seconds() if limit.frees_at else None
    when = date_format(timezone.localtime(limit.frees_at), "SHORT_DATETIME_FORMAT") if limit.frees_at else ""
    sentence = REACHED[limit.kind] % {"allowed": _round(limit.allowed or 0), "when": when}
    return AppError(sentence, code=Code.LIMIT, retry_after=max(1.0, seconds) if seconds else None)


def close_ones(user: User) -> list[Limit]:
    """Return the limits that are nearly or wholly used up, to be shown before they bite."""
    if all(value is None for value in allowance_of(user).values()):
        return []
    return [limit for limit in read_limits(user) if limit.is_close]


def note(user_id: int, kind: str, amount: float) -> None:
    """Add a line to the ledger, in the caller's transaction."""
    Usage.objects.create(user_id=user_id, kind=kind, amount=amount)
