"""Remove for good what was deleted 30 days ago, and the accounts whose 30 days are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import leaving
from chats import purging


class Command(BaseCommand):
    """`manage.py purge [--days N] [--dry-run]`."""

    help = "Removes chats and messages that were deleted so many days ago; the app does it by itself, too."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of days, and whether only to count."""
        parser.add_argument("--days", type=int, default=purging.KEPT_DELETED.days)
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge, or count what would go."""
        before = timezone.now() - timedelta(days=options["days"])
        if options["dry_run"]:
            chats, messages = purging.count_purgeable(before)
            people, said = leaving.count_due(timezone.now()), "would go"
        else:
            chats, messages = purging.purge(before=before)
            people, said = leaving.purge_left(), "are gone"
        self.stdout.write(f"{chats} chats and {messages} messages {said}.")
        if people:
            self.stdout.write(f"{people} accounts {said}.")
