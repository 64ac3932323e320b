"""A new admin, from the command line."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from accounts import audit, links, registering
from accounts.errors import AppError
from accounts.models import User

PASSWORD = "OLLAMA_CHAT_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


class Command(BaseCommand):
    """`manage.py createadmin NAME [--email ADDRESS] [--link | --stdin]`.

    The password is asked for, or read from stdin or OLLAMA_CHAT_ADMIN_PASSWORD; it is never an argument,
    which every user of the machine could read. `--link` prints a link where the admin chooses it.
    """

    help = f"Makes an admin. The password is asked for, or comes from {PASSWORD}, stdin or a one-time link."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who it is, and where the password comes from."""
        parser.add_argument("username")
        parser.add_argument("--email")
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--link", action="store_true", help="print a one-time link to choose it")
        source.add_argument("--stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the admin. Raises CommandError with one line for each thing that cannot stay."""
        password = get_random_string(64) if options["link"] else _password(stdin=options["stdin"])
        try:
            with transaction.atomic():
                user = registering.register_user(
                    options["username"], password=password, email=options["email"], role="admin"
                )
                audit.note("user.created", actor="createadmin", target=user.username, role="admin")
        except AppError as error:
            raise CommandError(_reasons(error)) from None
        made = _("%(name)s is an admin now.") % {"name": user.username}
        self.stdout.write(_link(user) if options["link"] else made)


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given = os.environ.get(PASSWORD)
    if given:
        return given
    if not sys.stdin.isatty():
        raise CommandError(
            _("Say where the password comes from: --stdin, --link or %(name)s.") % {"name": PASSWORD}
        )
    first = getpass.getpass(_("Password:") + " ")
    if getpass.getpass(_("Once more:") + " ") != first:
        raise CommandError(_("The two passwords are not the same."))
    return first


def _link(user: User) -> str:
    """Return the address where the new admin chooses a password."""
    path: str = reverse("accounts:one_time", args=[links.create_password_link(user, by=user)])
    host = "localhost" if settings.ENV["HOST"] in {"0.0.0.0", "::"} else settings.ENV["HOST"]  # noqa: S104
    return str(settings.PUBLIC_URL or f"http://{host}:{settings.ENV['PORT']}") + path


def _reasons(error: AppError) -> str:
    told = [
        f"{name}: {sentence}" for name, sentences in (error.fields or {}).items() for sentence in sentences
    ]
    return "\n".join(map(str, told)) or str(error)
