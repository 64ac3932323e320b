"""Signing in without a browser: a login of a script, and the two tokens that carry it.

Both tokens name their login. It ends as a whole: by signing out, with the account or its
password, and when a refresh token is used a second time, since then two hold the same one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import update_last_login
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts import audit, doorstep, revoking, second_factor
from accounts.adapter import INACTIVE, TOO_MANY_TRIES, WRONG_LOGIN, credentials
from accounts.errors import AppError, Code
from accounts.models import ScriptLogin, User

KEPT = timedelta(days=30)  # a login that is over
LOCKED_SECONDS = 300  # allauth's window of failed attempts
LOGIN, STAMP = "login", "stamp"  # claims: whose login it is, and what its account's password was
TOKEN_ENDED = _("This token is not valid any more. Please sign in again.")


class Tokens(TypedDict):
    """The pair that a script keeps."""

    access: str
    refresh: str


def sign_in(request: HttpRequest, *, login: str, password: str, otp: str = "") -> User:
    """Return who this is, by user name or address, under the same limits as the page.

    Raises AppError: unauthenticated (the same for a wrong password and an unknown name,
    after the same work; with the field `otp` when a code is asked for), forbidden for a
    switched-off account, limit.
    """
    try:
        user: User | None = get_adapter(request).authenticate(request, **credentials(login, password))
    except ValidationError:
        raise AppError(TOO_MANY_TRIES, code=Code.LIMIT, retry_after=LOCKED_SECONDS) from None
    if user is None:
        raise AppError(WRONG_LOGIN, code=Code.UNAUTHENTICATED)
    if not user.is_active:
        raise AppError(doorstep.sentence(user), code=Code.FORBIDDEN)
    second_factor.check(user, otp)
    return user


def begin(user: User, request: HttpRequest | None = None) -> Tokens:
    """Return the tokens of a new login."""
    login = ScriptLogin(user=user, agent=_agent(request), address=audit.address_of(request))
    refresh = _refresh_token(login)
    login.refresh_jti, login.expires_at = refresh["jti"], _end_of(refresh)
    login.save(force_insert=True)
    update_last_login(None, user)  # type: ignore[arg-type]
    audit.note("user.signed_in", actor=user, request=request, target=user.username, agent=login.agent)
    return _pair(refresh)


def renew(raw: str) -> Tokens:
    """Return the next pair of a login for its refresh token, which is used up.

    Raises AppError unauthenticated; a token that was used before ends its login.
    """
    used = _decoded(RefreshToken, raw)
    login = _login_of(used)
    refresh = _refresh_token(login)
    fresh = {"refresh_jti": refresh["jti"], "expires_at": _end_of(refresh), "used_at": timezone.now()}
    mine = ScriptLogin.objects.filter(pk=login.pk, ended_at=None, refresh_jti=used["jti"])
    if not mine.update(**fresh):
        end(login)
        audit.note("token.reused", actor=login.user, target=login.pk)
        raise ended()
    return _pair(refresh)


def find(raw: str) -> ScriptLogin:
    """Return the login, with its user, of an access token; one query. Raises AppError unauthenticated."""
    return _login_of(_decoded(AccessToken, raw))


def find_by_refresh(raw: str) -> ScriptLogin:
    """Return the login of a refresh token without using it up. Raises AppError unauthenticated."""
    return _login_of(_decoded(RefreshToken, raw))


def end(login: ScriptLogin) -> None:
    """End a login: no token of it works any more, and its streams are closed."""
    if ScriptLogin.objects.filter(pk=login.pk, ended_at=None).update(ended_at=timezone.now()):
        revoking.close_sockets(login.user_id)


def purge() -> int:
    """Delete the logins that ended, or could have been renewed, a month ago; returns how many."""
    then = timezone.now() - KEPT
    return ScriptLogin.objects.filter(Q(ended_at__lt=then) | Q(expires_at__lt=then)).delete()[0]


def ended() -> AppError:
    """Return the error for a token that says nothing any more."""
    return AppError(TOKEN_ENDED, code=Code.UNAUTHENTICATED)


def _decoded(kind: type[Token], raw: str) -> Token:
    try:
        return kind(raw)  # type: ignore[arg-type]
    except TokenError:
        raise ended() from None


def _login_of(token: Token) -> ScriptLogin:
    named = _uuid(token.get(LOGIN))
    login = ScriptLogin.objects.select_related("user").filter(pk=named).first() if named else None
    if login is None or login.ended_at is not None:
        raise ended()
    if not login.user.is_active:
        raise AppError(INACTIVE, code=Code.UNAUTHENTICATED)
    if not constant_time_compare(str(token.get(STAMP)), _stamp(login.user)):
        raise ended()
    return login


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _refresh_token(login: ScriptLogin) -> RefreshToken:
    token = RefreshToken.for_user(login.user)
    token[LOGIN], token[STAMP] = str(login.pk), _stamp(login.user)
    return token


def _stamp(user: User) -> str:
    """Return what changes with the password, as the person's sessions know it."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:32]


def _end_of(token: Token) -> datetime:
    lifetime: timedelta = api_settings.REFRESH_TOKEN_LIFETIME
    return token.current_time + lifetime


def _pair(refresh: RefreshToken) -> Tokens:
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def _agent(request: HttpRequest | None) -> str:
    return request.headers.get("User-Agent", "")[:200] if request else ""
