"""Signing in without a browser: who somebody is, and the tokens that say so."""

from __future__ import annotations

from typing import TypedDict

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.adapter import INACTIVE, TOO_MANY_TRIES, WRONG_LOGIN, credentials
from accounts.errors import AppError, Code
from accounts.models import User

LOCKED_SECONDS = 300  # allauth's window of failed attempts


class Tokens(TypedDict):
    """The pair that a script keeps."""

    access: str
    refresh: str


def sign_in(request: HttpRequest, *, login: str, password: str) -> User:
    """Return who this is, by user name or address, under the same limits as the page.

    Raises AppError: unauthenticated (the same for a wrong password and an unknown
    name, after the same work), forbidden for a switched-off account, limit.
    """
    try:
        user: User | None = get_adapter(request).authenticate(request, **credentials(login, password))
    except ValidationError:
        raise AppError(TOO_MANY_TRIES, code=Code.LIMIT, retry_after=LOCKED_SECONDS) from None
    if user is None:
        raise AppError(WRONG_LOGIN, code=Code.UNAUTHENTICATED)
    if not user.is_active:
        raise AppError(INACTIVE, code=Code.FORBIDDEN)
    return user


def tokens_for(user: User) -> Tokens:
    """Return a new pair; it ends with the user's password."""
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def fresh_access(refresh: str) -> str:
    """Return a new access token. Raises simplejwt's errors: bad, expired, of a user who may not sign in."""
    try:
        token: RefreshToken = RefreshToken(refresh)  # type: ignore[arg-type]
    except TokenError:
        raise InvalidToken from None
    JWTAuthentication().get_user(token)
    return str(token.access_token)
