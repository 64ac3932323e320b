"""The disk, the database, the mail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from ollamachat.doctor.findings import Finding, fine, trouble

MEGA, GIGA = 2**20, 2**30
LEAST = 200 * MEGA  # start.py does not start below
COMFORTABLE = 2 * GIGA  # some hundred pictures, and room for the database to be copied


def check_disk() -> Iterator[Finding]:
    """Yield how much is free where data and pictures are."""
    for folder in sorted({_existing(settings.DATA_DIR), _existing(settings.IMAGE_STORAGE_PATH)}):
        free = shutil.disk_usage(folder).free
        about = {"folder": folder, "free": free // MEGA}
        if free < LEAST:
            yield trouble("disk", "disk_full", least=LEAST // MEGA, **about)
        elif free < COMFORTABLE:
            yield trouble("disk", "disk_low", **about)
        else:
            yield fine("disk", "disk", folder=folder, free=free // GIGA)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there: pictures make theirs when they come."""
    while not folder.exists():
        folder = folder.parent
    return folder if folder.parent != settings.DATA_DIR else settings.DATA_DIR


def check_database() -> Iterator[Finding]:
    """Yield whether the database answers, is up to date and holds every letter."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield trouble("database", "database_down", why=str(error)[:200])
        return
    charset = _charset()
    if missing:
        yield trouble("database", "migrations_pending", count=len(missing))
    elif charset not in {"utf8mb4", ""}:
        yield trouble("database", "database_charset", charset=charset)
    else:
        yield fine("database", "database")


def _charset() -> str:
    if connection.vendor != "mysql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database")
        return str(cursor.fetchone()[0])


def check_mail() -> Iterator[Finding]:
    """Yield whether the mail server lets us in; nothing is sent."""
    if not settings.EMAIL_CONFIGURED:
        must = settings.ENV["EMAIL_VERIFICATION"] == "mandatory"
        yield trouble("mail", "mail_missing") if must else fine("mail", "no_mail")
        return
    mail = get_connection()
    try:
        mail.open()
        mail.close()
    except (OSError, SMTPException) as error:
        about = {"host": settings.EMAIL_HOST, "port": settings.EMAIL_PORT}
        yield trouble("mail", "mail_down", why=str(error)[:200], **about)
        return
    yield fine("mail", "mail")
