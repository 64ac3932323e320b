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

from accounts import audit, doorstep, invites, passkeys, policy, sessions
from accounts.errors import AppError, Code
from accounts.fields import fold_username

logger = logging.getLogger(__name__)

WRONG_LOGIN = _("The name or the password is wrong.")
TOO_MANY_TRIES = _("Too many failed attempts. Please wait five minutes and try again.")
INACTIVE = doorstep.SENTENCES[doorstep.Why.OFF]
PASSKEY_AGAIN = "mfa_reauthenticate:webauthn"
AGAIN = {
    "reauthenticate": _("Use your password"),
    "mfa_reauthenticate": _("Use a code"),
    PASSKEY_AGAIN: _("Use a passkey"),
}
SAID = {
    "password_changed.txt": _("Your password has been changed."),
    "totp_activated.txt": _("Codes are on. From now on signing in asks for one."),
    "totp_deactivated.txt": _("Codes are off."),
    "webauthn_added.txt": _("The passkey is yours. You can sign in with it."),
    "webauthn_removed.txt": _("The passkey is removed. Delete it from your device, too."),
}
PASSWORD = "user.password"  # noqa: S105 - a word of the audit log
NOTED = {
    "password_changed": PASSWORD,
    "password_set": PASSWORD,
    "password_reset": PASSWORD,
    "totp_activated": "factor.codes_on",
    "totp_deactivated": "factor.codes_off",
    "recovery_codes_generated": "factor.recovery_codes",
    "webauthn_added": "factor.passkey_added",
    "webauthn_removed": "factor.passkey_removed",
}
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
        "incorrect_password": _("This is not your current password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return policy.signup_is_open() or invites.kept(request) is not None

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return the name as it was typed; its folded form is what must be free."""
        super().clean_username(fold_username(username), shallow)
        return username.strip()

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign somebody in, and write it down."""
        super().login(request, user)
        audit.note("user.signed_in", actor=user, request=request, target=user.username)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Say why this account does not get in, to whoever knew its password."""
        doorstep.remember(request, user)
        return redirect("account_inactive")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("chats:home")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return how somebody shows once more who they are: where there is a second factor, by that alone.

        Otherwise whoever has the password could take the second factor away.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        factors = [method for method in methods if method["id"] != "reauthenticate"]
        if not passkeys.work_at(self.request):
            factors = [method for method in factors if method["id"] != PASSKEY_AGAIN] or factors
        return [{**method, "description": AGAIN[method["id"]]} for method in factors or methods]

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Say what has changed; a person sees by themselves that they are in or out."""
        template = kwargs.get("message_template") or (args[0] if args else "")
        said = kwargs.get("message") or SAID.get(str(template).rpartition("/")[2])
        if said:
            messages.add_message(request, level, said)

    def send_notification_mail(self, template_prefix: str, user: Any, *args: Any, **kwargs: Any) -> None:
        """Write down in the audit log what allauth has changed about somebody's way in."""
        action = NOTED.get(template_prefix.rpartition("/")[2])
        if action:
            audit.note(action, actor=user, request=self.request, target=user.username)
        if action == PASSWORD:
            sessions.end_programs(user)
        super().send_notification_mail(template_prefix, user, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send the mail. Raises AppError unavailable when the mail server does not take it."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException):
            logger.exception("the mail server did not take a mail")
            raise AppError(MAIL_FAILED, code=Code.UNAVAILABLE) from None
