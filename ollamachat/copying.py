"""Everything that one database holds, brought into another one of the same schema, and compared.

Rows keep their ids. The target takes them in one transaction, or none at all; what its migrations have put
there (content types, permissions, groups, their limits) gives way to the source's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import sql
from django.utils.translation import gettext as _

SOURCE, TARGET = "copy_from", "copy_to"
BATCH = 200  # rows
MADE_BY_MIGRATIONS = {
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "accounts_allowance",
}
CHECKSUM = 2**256


class CopyError(Exception):
    """The copy cannot be made, or is not what it should be; the text is for the operator."""


@dataclass(frozen=True)
class Copied:
    """A table that has been copied: its rows, and the checksum that both sides have."""

    table: str
    rows: int
    checksum: str


def open_database(url: str, alias: str, password: str = "") -> None:
    """Make the database of that address known; "" is the app's own. Raises CopyError.

    `sqlite:///data/db.sqlite3`, `mysql://user:password@host:3306/name`; without a password there,
    `password` is taken.
    """
    own = connections.settings["default"]
    parts = urlsplit(url)
    if not url:
        config = dict(own)
    elif parts.scheme == "sqlite" and parts.path:
        config = {**own, **settings.SQLITE_DATABASE, "NAME": Path(unquote(parts.path.removeprefix("/")))}
    elif parts.scheme == "mysql" and parts.hostname and parts.path.strip("/"):
        config = {**own, **settings.MYSQL_DATABASE, **_mysql(parts, password)}
    else:
        raise CopyError(_("%(url)s is neither sqlite:///path nor mysql://user@host/name.") % {"url": url})
    connections.settings[alias] = config


def _mysql(parts: Any, password: str) -> dict[str, Any]:
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return {
        "HOST": host,
        "PORT": parts.port or 3306,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or "") or password,
        "NAME": parts.path.strip("/"),
    }


def copy() -> Iterator[Copied]:
    """Yield each table once both sides have the same.

    Raises CopyError, DatabaseError; then nothing is kept.
    """
    _check_source()
    with _as_default(TARGET):
        _check_empty()
        call_command("migrate", database=TARGET, verbosity=0, interactive=False)
        target = connections[TARGET]
        with target.constraint_checks_disabled(), transaction.atomic(using=TARGET):
            for model in _models():
                if model._meta.db_table in MADE_BY_MIGRATIONS:
                    _everything(model, TARGET)._raw_delete(TARGET)
            for model in _models():
                yield _copy_table(model)
            target.check_constraints()
    ContentType.objects.clear_cache()


def _check_source() -> None:
    name = connections.settings[SOURCE]["NAME"]
    if connections.settings[SOURCE] == connections.settings[TARGET]:
        raise CopyError(_("Both are the same database."))
    if connections[SOURCE].vendor == "sqlite" and not Path(name).exists():
        raise CopyError(_("There is no file %(path)s.") % {"path": name})
    executor = MigrationExecutor(connections[SOURCE])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CopyError(_("The source lacks migrations: run `python3 manage.py migrate` there first."))


def _check_empty() -> None:
    target = connections[TARGET]
    there = set(target.introspection.table_names())
    for model in _models():
        table = model._meta.db_table
        if table in there - MADE_BY_MIGRATIONS and _everything(model, TARGET).exists():
            raise CopyError(
                _("The target is not empty: %(table)s has rows. Name an empty database.") % {"table": table}
            )


@contextmanager
def _as_default(alias: str) -> Iterator[None]:
    """Make that database the default one of this thread: migrations speak to the default."""
    before = connections["default"]
    connections["default"] = connections[alias]
    try:
        yield
    finally:
        connections["default"] = before


def _models() -> list[type[models.Model]]:
    """Return every model with a table of its own, those between many and many too."""
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def _everything(model: type[models.Model], alias: str) -> models.QuerySet[models.Model]:
    return model._base_manager.using(alias).order_by("pk")


def _batches(model: type[models.Model], alias: str) -> Iterator[list[models.Model]]:
    rows = list(_everything(model, alias)[:BATCH])
    while rows:
        yield rows
        rows = list(_everything(model, alias).filter(pk__gt=rows[-1].pk)[:BATCH])


def _copy_table(model: type[models.Model]) -> Copied:
    table = model._meta.db_table
    read = Sum(model)
    for rows in _batches(model, SOURCE):
        read.add(rows)
        _insert(model, rows)
    written = Sum(model)
    for rows in _batches(model, TARGET):
        written.add(rows)
    if (read.rows, read.total) != (written.rows, written.total):
        raise CopyError(
            _("%(table)s differs: %(source)d rows there, %(target)d here.")
            % {"table": table, "source": read.rows, "target": written.rows}
        )
    return Copied(table, read.rows, f"{read.total:064x}"[:16])


def _insert(model: type[models.Model], rows: list[models.Model]) -> None:
    """Write rows as they are: `bulk_create` would set the times anew at which they were made."""
    fields = model._meta.concrete_fields
    most = connections[TARGET].ops.bulk_batch_size(fields, rows) or len(rows)
    for start in range(0, len(rows), most):
        query = sql.InsertQuery(model)
        query.insert_values(fields, rows[start : start + most], raw=True)
        query.get_compiler(using=TARGET).execute_sql()


class Sum:
    """The rows of a table and the sum of their hashes, in whatever order they come."""

    def __init__(self, model: type[models.Model]) -> None:
        self.rows = self.total = 0
        self._names = [field.attname for field in model._meta.concrete_fields]

    def add(self, rows: list[models.Model]) -> None:
        """Count rows in."""
        for row in rows:
            told = json.dumps(
                [getattr(row, name) for name in self._names], sort_keys=True, default=_plain
            ).encode()
            self.total = (self.total + int.from_bytes(hashlib.sha256(told).digest())) % CHECKSUM
        self.rows += len(rows)


def _plain(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
