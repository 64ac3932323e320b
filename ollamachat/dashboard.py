"""The admin's dashboard: what was used by whom, what failed, who waits at the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, DateField, Func, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import limits
from accounts.models import Usage, User
from chats.models import Message
from chats.websearch import searching
from chats.websearch.provider import is_set_up
from imaging.models import GeneratedImage, SourcePicture, StoredFile

DAYS = 30
WIDTH, HEIGHT, GAP = 20, 120, 4  # pixels of a bar, of the chart, between two bars
MOST_PEOPLE = 100


@dataclass(frozen=True)
class Bar:
    """A day of a chart: where it stands in pixels, and what it says."""

    day: date
    value: float
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A scarce thing by day, the highest bar as high as the chart."""

    title: Any
    bars: list[Bar]
    highest: float
    width: int = DAYS * (WIDTH + GAP)
    height: int = HEIGHT


@require_safe
@never_cache
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the dashboard; the admin site has asked who it is."""
    since = timezone.now() - timedelta(days=DAYS)
    context = {
        **admin.site.each_context(request),
        "title": _("Dashboard"),
        "days": DAYS,
        "charts": [
            _chart(_("Minutes of the card"), _by_day(limits.GPU, since, 60)),
            _chart(_("Pictures"), _by_day(limits.PICTURES, since)),
        ],
        "people": people(since),
        "failures": _failures(since),
        "waiting": User.objects.filter(is_active=False, waits_since__isnull=False).count(),
        "searches": searching.count_this_month() if is_set_up() else None,
        "most_searches": settings.TAVILY_MONTHLY_LIMIT,
        "storage_mb": (StoredFile.objects.aggregate(total=Sum("bytes"))["total"] or 0) / limits.MB,
    }
    return render(request, "ollamachat/dashboard.html", context)


def _by_day(kind: str, since: datetime, unit: float = 1) -> dict[date, float]:
    # Times are stored as UTC, and both databases cut the day off themselves.
    rows = (
        Usage.objects.filter(kind=kind, at__gt=since)
        .annotate(day=Func("at", function="DATE", output_field=DateField()))
        .values_list("day")
        .annotate(total=Sum("amount"))
    )
    return {day: total / unit for day, total in rows}


def _chart(title: Any, by_day: dict[date, float]) -> Chart:
    today = timezone.now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    highest = max([*by_day.values(), 0.0])
    bars = []
    for place, day in enumerate(days):
        value = max(0.0, by_day.get(day, 0.0))
        tall = value / highest * HEIGHT if highest else 0.0
        bars.append(Bar(day, value, place * (WIDTH + GAP), round(HEIGHT - tall, 1), round(tall, 1)))
    return Chart(title, bars, highest)


def people(since: datetime) -> list[dict[str, Any]]:
    """Return who used the card since then, most of all first: minutes, pictures, answers, MB kept."""
    minutes, pictures = _by_person(limits.GPU, since, 60), _by_person(limits.PICTURES, since)
    answers, kept = _answers(since), _bytes_kept()
    busiest = sorted({*minutes, *pictures, *answers, *kept}, key=lambda pk: -minutes.get(pk, 0))[:MOST_PEOPLE]
    names = dict(User.objects.filter(pk__in=busiest).values_list("pk", "username"))
    return [
        {
            "pk": pk,
            "name": names[pk],
            "minutes": minutes.get(pk, 0),
            "pictures": int(pictures.get(pk, 0)),
            "answers": answers.get(pk, 0),
            "mb": kept.get(pk, 0) / limits.MB,
        }
        for pk in busiest
        if pk in names
    ]


def _by_person(kind: str, since: datetime, unit: float = 1) -> dict[int, float]:
    rows = Usage.objects.filter(kind=kind, at__gt=since).values_list("user_id").annotate(total=Sum("amount"))
    return {user_id: total / unit for user_id, total in rows.order_by()}


def _answers(since: datetime) -> dict[int, int]:
    rows = Message.objects.filter(role=Message.Role.ASSISTANT, created_at__gt=since)
    return dict(rows.values_list("author_id").annotate(n=Count("pk")).order_by())


def _bytes_kept() -> dict[int, int]:
    """Return bytes by person; a file that two people have counts for both."""
    kept: dict[int, int] = {}
    for rows, owner in (
        (GeneratedImage.objects.all(), "job__user_id"),
        (SourcePicture.objects.all(), "user_id"),
    ):
        for user_id, total in rows.values_list(owner).annotate(total=Sum("file__bytes")).order_by():
            kept[user_id] = kept.get(user_id, 0) + (total or 0)
    return kept


def _failures(since: datetime) -> list[dict[str, Any]]:
    failed = Message.objects.filter(created_at__gt=since).exclude(error_code="")
    counted = failed.values("error_code", "kind").annotate(n=Count("pk")).order_by("-n")
    return [dict(row) for row in counted[:20]]
