"""The second factor: codes of an app, recovery codes, passkeys. No way in goes around it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import BaseAuthenticateForm
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.cache import cache
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import qr
from accounts.errors import AppError, Code
from accounts.models import User

LOCKED_SECONDS = 300  # allauth's window of failed attempts
CODE_NEEDED = _("Your account asks for a second factor. Send the code of your app, or a recovery code.")
CODE_WRONG = _("This code is not right.")
TOO_MANY_CODES = _("Too many failed attempts. Please wait five minutes and try again.")
UNREADABLE = _("The second factor cannot be read: the app's secret key has changed. The admin can reset it.")


def is_on(user: User) -> bool:
    """Return whether the password alone does not let the person in."""
    return bool(Authenticator.objects.filter(user=user).exists())


def check(user: User, otp: str) -> None:
    """Let a script's sign-in pass with a code, where the account asks for one.

    Raises AppError: unauthenticated, with the field `otp`, when it is missing or wrong; limit.
    """
    if not is_on(user):
        return
    if not otp:
        raise AppError(CODE_NEEDED, code=Code.UNAUTHENTICATED, fields={"otp": [CODE_NEEDED]})
    form = BaseAuthenticateForm({"code": otp}, user=user)
    if form.is_valid():
        burn(form.authenticator, otp)
        form.authenticator.record_usage()
        return
    if form.has_error("code", "too_many_login_attempts"):
        raise AppError(TOO_MANY_CODES, code=Code.LIMIT, retry_after=LOCKED_SECONDS)
    raise AppError(CODE_WRONG, code=Code.UNAUTHENTICATED, fields={"otp": [CODE_WRONG]})


def burn(authenticator: Any, code: str) -> None:
    """Remember a used code for as long as it is good here; allauth forgets it after one period."""
    if authenticator.type == Authenticator.Type.TOTP:
        seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
        cache.set(authenticator.wrap()._get_used_cache_key(code), "y", timeout=seconds)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Our sentences in allauth's flows; secrets are kept encrypted, so a copied database opens no door."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": CODE_WRONG}

    def _get_user_identifier(self, user: User) -> str:
        return str(user.username)

    def build_totp_svg(self, url: str) -> SafeString:
        """Return the code that the app scans."""
        return qr.svg(url)

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raises AppError unavailable when another key has sealed it."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise AppError(UNREADABLE, code=Code.UNAVAILABLE) from None

    def generate_authenticator_name(self, user: User, type: Any) -> str:  # noqa: A002 - allauth's name
        """Return a name for a new passkey."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey %(number)d") % {"number": number}


def _cipher() -> Fernet:
    key = hmac.new(settings.SECRET_KEY.encode(), b"second factor", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))
