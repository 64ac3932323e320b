"""Addresses that their owners confirm: until then an account does not carry them.

So nobody takes somebody else's address, and the answer to asking for one is the same
whether or not it has an account here: only a mail tells which.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import audit, policy
from accounts.addresses import public_address
from accounts.errors import AppError, Code
from accounts.fields import fold_email
from accounts.models import User

SALT = "accounts.emailing"
LIFETIME = timedelta(days=3)
GONE = _("This link is too old, or it was used. Please ask for a new one.")
TAKEN = _("This address is taken.")


def is_confirmed_first() -> bool:
    """Return whether an address is the account's only once its owner has confirmed it."""
    return bool(settings.EMAIL_VERIFICATION != "none")


def is_needed() -> bool:
    """Return whether nobody gets in without a confirmed address."""
    return bool(settings.EMAIL_VERIFICATION == "mandatory")


def change_email(user: User, email: str | None, request: HttpRequest) -> bool:
    """Give the account another address; answers whether its owner has to confirm it first.

    Raises AppError: invalid when it is taken, unavailable when no mail goes out.
    """
    folded = fold_email(email or "")
    if folded and folded != user.email and is_confirmed_first():
        send_link(user, folded, request)
        return True
    _set(user, folded, request)
    return False


def send_link(user: User, email: str, request: HttpRequest) -> None:
    """Send the mail by which `email` becomes the account's; whoever has it already is told instead."""
    context: dict[str, Any] = {"name": user.get_full_name(), "signin": _address(request, "account_login")}
    kind = "email_is_yours"
    if not User.objects.filter(email=email).exclude(pk=user.pk).exists():
        token = signing.dumps({"user": user.pk, "email": email, "was": user.email or ""}, salt=SALT)
        context["link"] = public_address(request, reverse("accounts:confirm_email", args=[token]))
        kind = "email_confirm"
    get_adapter(request).send_mail(f"account/email/{kind}", email, context)


def read_link(token: str) -> tuple[User, str]:
    """Return whose address it confirms, and which. Raises AppError gone."""
    try:
        told = signing.loads(token, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        raise AppError(GONE, code=Code.GONE) from None
    user = User.objects.filter(pk=told["user"]).first()
    if user is None or (user.email or "") != told["was"]:
        raise AppError(GONE, code=Code.GONE)
    return user, str(told["email"])


def confirm(token: str, request: HttpRequest) -> User:
    """Make the address the account's; who waited for this alone is let in. Raises AppError gone, invalid."""
    user, email = read_link(token)
    with transaction.atomic():
        _set(user, email, request)
        if user.waits_for_approval and (user.invite_id or not policy.needs_approval()):
            user.is_active, user.waits_since = True, None
            user.save(update_fields=["is_active", "waits_since"])
    return user


def _set(user: User, email: str | None, request: HttpRequest) -> None:
    user.email = email
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
            audit.note("user.email", actor=user, request=request, target=user.username)
    except IntegrityError:
        user.refresh_from_db(fields=["email"])
        raise AppError(TAKEN, code=Code.INVALID, fields={"email": [TAKEN]}) from None


def _address(request: HttpRequest, name: str) -> str:
    return public_address(request, reverse(name))
