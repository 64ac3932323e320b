"""Where allauth asks us."""

from __future__ import annotations

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext_lazy as _

from accounts import doorstep, invites, policy
from accounts.errors import AppError, Code
from accounts.fields import fold_username

logger = logging.getLogger(__name__)

WRONG_LOGIN = _("The name or the password is wrong.")
TOO_MANY_TRIES = _("Too many failed attempts. Please wait five minutes and try again.")
INACTIVE = _("This account is switched off. Please ask the admin.")
MAIL_FAILED = _("The mail could not be sent. Please ask the admin for a one-time link.")


def credentials(login: str, password: str) -> dict[str, str]:
    """Return the one way to look the person up: by address when there is an `@`, else by user name.

    allauth tries an address as a name too and then hashes twice for an account that
    exists, which tells by the clock that it does.
    """
    if "@" in login:
        return {"email": login.strip(), "password": password}
    return {"username": fold_username(login), "password": password}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Our rules and sentences in allauth's flows."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG_LOGIN,
        "email_password_mismatch": WRONG_LOGIN,
        "too_many_login_attempts": TOO_MANY_TRIES,
        "account_inactive": INACTIVE,
        "username_taken": _("This user name is taken."),
        "email_taken": _("This address is taken."),
        "enter_current_password": _("This is not your current password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return policy.signup_is_open() or invites.kept(request) is not None

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return the name as it was typed; its folded form is what must be free."""
        super().clean_username(fold_username(username), shallow)
        return username.strip()

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Say why this account does not get in, to whoever knew its password."""
        doorstep.remember(request, user)
        return redirect("account_inactive")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("chats:home")

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Say that a password has changed; a person sees by themselves that they are in or out."""
        template = kwargs.get("message_template") or (args[0] if args else "")
        if template.endswith("password_changed.txt"):
            messages.success(request, _("Your password has been changed."))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send the mail. Raises AppError unavailable when the mail server does not take it."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException):
            logger.exception("the mail server did not take a mail")
            raise AppError(MAIL_FAILED, code=Code.UNAVAILABLE) from None
