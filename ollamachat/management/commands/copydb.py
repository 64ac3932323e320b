"""From SQLite to MySQL, or back."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _

from live.alive import is_alive
from live.redis import RedisError
from ollamachat import copying
from ollamachat.doctor.processes import WORKERS

PASSWORD = "COPYDB_PASSWORD"  # noqa: S105 - the name of a variable


class Command(BaseCommand):
    """`manage.py copydb [--from ADDRESS] --to ADDRESS`; without --from, the app's own database.

    An address is sqlite:///path or mysql://user@host:port/name. Arguments can be read by all users of the
    machine, so the password is best left out there and given as COPYDB_PASSWORD.
    """

    help = "Copies everything into an empty database and compares both, table by table."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the two addresses."""
        parser.add_argument("--from", dest="source", default="", metavar="ADDRESS")
        parser.add_argument("--to", dest="target", required=True, metavar="ADDRESS")

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy, and print each table's count and checksum. Raises CommandError, and then nothing is kept."""
        if _app_runs():
            raise CommandError(_("The app runs, and what it writes now would be missed. Stop it first."))
        password, rows = os.environ.get(PASSWORD, ""), 0
        try:
            copying.open_database(options["source"], copying.SOURCE, password)
            copying.open_database(options["target"], copying.TARGET, password)
            for copied in copying.copy():
                rows += copied.rows
                self.stdout.write(f"{copied.table:<32} {copied.rows:>9} {copied.checksum}")
        except copying.CopyError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(_("The database says: %(why)s") % {"why": error}) from error
        self.stdout.write(self.style.SUCCESS(_("%(rows)d rows are on both sides.") % {"rows": rows}))


def _app_runs() -> bool:
    with contextlib.suppress(RedisError):
        return any(is_alive(worker) for worker in WORKERS)
    return False
