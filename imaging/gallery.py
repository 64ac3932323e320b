"""A person's pictures, newest first: one tile an order, shown by its best variant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imaging.api import shapes
from imaging.models import GeneratedImage, ImageJob, SourcePicture, StoredFile

PAGE = 60
LONGEST_QUERY = 200  # characters
MOST_WORDS = 8
YEARS = range(2000, 3000)
SHOWN_HASH = 12  # characters
SETTINGS = {
    "steps": gettext_lazy("Steps"),
    "denoise": gettext_lazy("Denoise"),
    "cfg": gettext_lazy("CFG"),
    "guidance": gettext_lazy("Guidance"),
    "sampler": gettext_lazy("Sampler"),
    "scheduler": gettext_lazy("Scheduler"),
}


@dataclass(frozen=True)
class Wanted:
    """What is looked for; `before` is the id of the last picture that is shown already."""

    words: str = ""
    model: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    @classmethod
    def of(cls, asked: Any) -> Wanted:
        """Return what a query string asks for; what makes no sense in it is not looked for."""
        before = asked.get("before", "")
        return cls(
            words=asked.get("q", "").strip()[:LONGEST_QUERY],
            model=asked.get("model", "")[:190],
            since=_day(asked.get("since", "")),
            until=_day(asked.get("until", "")),
            before=int(before) if before.isdecimal() and len(before) < 19 else None,
        )

    @property
    def narrows(self) -> bool:
        return bool(self.words or self.model or self.since or self.until)


@dataclass(frozen=True)
class Page:
    """Pictures with their variants as `shown`, the best as `cover`; the next page begins before `next`."""

    jobs: list[ImageJob]
    next: int | None


@dataclass(frozen=True)
class Usage:
    """What a person's pictures take on the disk; `bin_bytes` of it go by themselves."""

    pictures: int
    bytes: int
    bin_pictures: int
    bin_bytes: int


def read_page(user: Any, wanted: Wanted) -> Page:
    """Return one page, in a constant number of queries."""
    found = with_variants(_narrowed(ImageJob.objects.visible_to(user), wanted))
    jobs = list(_after(found, wanted.before)[: PAGE + 1])
    for job in jobs:
        job.cover = shapes.best_of(job.shown)  # type: ignore[attr-defined]
    return Page(jobs[:PAGE], jobs[PAGE - 1].pk if len(jobs) > PAGE else None)


def with_variants(jobs: QuerySet[ImageJob]) -> QuerySet[ImageJob]:
    """Return those that have a finished variant, with all of them as `shown`, newest first."""
    finished = GeneratedImage.objects.finished().filter(deleted_at=None)
    shown = Prefetch("images", finished.select_related("file"), to_attr="shown")
    has_one = Exists(finished.filter(job=OuterRef("pk")))
    return jobs.filter(has_one).prefetch_related(shown).order_by("-created_at", "-pk")


def models_of(user: Any) -> list[str]:
    """Return what a person's pictures were drawn with."""
    drawn = ImageJob.objects.visible_to(user).exclude(model_name="")
    return list(drawn.order_by("model_name").values_list("model_name", flat=True).distinct())


def read_bin(user: Any) -> list[GeneratedImage]:
    """Return the variants that the person deleted and may still bring back, newest deletions first."""
    deleted = Q(deleted_at__isnull=False) | Q(job__message__deleted_at__isnull=False)
    mine = GeneratedImage.objects.finished().filter(deleted, job__user=user, job__chat__deleted_at=None)
    return list(mine.select_related("file", "job__message").order_by("-job_id", "index")[: PAGE * 4])


def usage(user: Any) -> Usage:
    """Return what the person uses; a file that is used twice counts once."""
    drawn, brought = GeneratedImage.objects.filter(job__user=user), SourcePicture.objects.filter(user=user)
    visible = GeneratedImage.objects.visible_to(user)
    kept = [visible, SourcePicture.objects.visible_to(user)]
    everything, here = _bytes_of(drawn, brought), _bytes_of(*kept)
    pictures, all_pictures = visible.finished().count(), drawn.finished().count()
    return Usage(pictures, here, all_pictures - pictures, everything - here)


def bytes_kept(user: Any) -> int:
    """Return what all of a person's pictures and uploads take, the bin included."""
    return _bytes_of(GeneratedImage.objects.filter(job__user=user), SourcePicture.objects.filter(user=user))


def _bytes_of(*rows: QuerySet[Any]) -> int:
    wanted = Q()
    for some in rows:
        wanted |= Q(pk__in=some.values("file"))
    return StoredFile.objects.filter(wanted).aggregate(total=Sum("bytes"))["total"] or 0


def _narrowed(jobs: QuerySet[ImageJob], wanted: Wanted) -> QuerySet[ImageJob]:
    for word in wanted.words.split()[:MOST_WORDS]:
        jobs = jobs.filter(_holds("description", word) | _holds("prompt", word))
    if wanted.model:
        jobs = jobs.filter(model_name=wanted.model)
    if wanted.since:
        jobs = jobs.filter(created_at__gte=_midnight(wanted.since))
    if wanted.until:
        jobs = jobs.filter(created_at__lt=_midnight(date.fromordinal(wanted.until.toordinal() + 1)))
    return jobs


def _holds(field: str, word: str) -> Q:
    """Return the test for a word in any case; SQLite's own comparison knows ASCII alone, Python's all."""
    if connection.vendor != "sqlite":
        return Q(**{f"{field}__icontains": word})
    literal = "".join(letter if letter.isalnum() else f"\\{letter}" for letter in word)
    return Q(**{f"{field}__iregex": literal})


def _after(jobs: QuerySet[ImageJob], before: int | None) -> QuerySet[ImageJob]:
    if before is None:
        return jobs
    last = ImageJob.objects.filter(pk=before).values_list("created_at", flat=True).first()
    if last is None:
        return jobs.filter(pk__lt=before)
    return jobs.filter(Q(created_at__lt=last) | Q(created_at=last, pk__lt=before))


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def how_it_was_made(image: GeneratedImage) -> list[tuple[Any, Any]]:
    """Return the settings, the workflow and the times of a finished variant, in pairs for people."""
    job = image.job
    told: list[tuple[Any, Any]] = [(label, job.settings.get(name)) for name, label in SETTINGS.items()]
    told.append((_("Workflow"), job.workflow_hash[:SHOWN_HASH]))
    told.append((_("Words took"), _seconds(job.numbers.get("thinking"))))
    told.append((_("Drawing took"), _seconds(image.numbers.get("seconds"))))
    return [(label, value) for label, value in told if value not in (None, "")]


def _seconds(value: Any) -> str:
    return _("%(n)s s") % {"n": localize(round(value, 1))} if isinstance(value, int | float) else ""
