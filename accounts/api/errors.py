"""Every error of the JSON API in the one shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework import exceptions
from rest_framework.response import Response

from accounts import error_pages
from accounts.api.authentication import REALM
from accounts.errors import AppError, Code, Sentence

CODES: dict[type[Exception], Code] = {
    exceptions.ParseError: Code.INVALID,
    exceptions.NotAuthenticated: Code.UNAUTHENTICATED,
    exceptions.AuthenticationFailed: Code.UNAUTHENTICATED,
    exceptions.PermissionDenied: Code.FORBIDDEN,
    PermissionDenied: Code.FORBIDDEN,
    exceptions.NotFound: Code.NOT_FOUND,
    Http404: Code.NOT_FOUND,
    exceptions.MethodNotAllowed: Code.WRONG_METHOD,
    exceptions.UnsupportedMediaType: Code.WRONG_TYPE,
    exceptions.NotAcceptable: Code.INVALID,
}
NOT_JSON = _("This is not valid JSON.")


def handle(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer for an exception of an endpoint; None leaves it to Django's page for errors."""
    error = translate(exception)
    if error is None:
        return None
    headers = {}
    if error.status == Code.UNAUTHENTICATED.status:
        headers["WWW-Authenticate"] = REALM
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return Response(error.body(), status=error.status, headers=headers)


def translate(exception: Exception) -> AppError | None:
    """Return the error that the exception means; None for what nobody foresaw."""
    if isinstance(exception, exceptions.ValidationError):
        fields = flat(exception.detail)
        return AppError(_only_sentence(fields), code=Code.INVALID, fields=fields)
    if isinstance(exception, exceptions.Throttled):
        return _throttled(exception)
    if isinstance(exception, exceptions.ParseError):
        return AppError(NOT_JSON, code=Code.INVALID)
    code = next((code for kind, code in CODES.items() if isinstance(exception, kind)), None)
    return AppError(code=code) if code else error_pages.told(exception)


def flat(detail: Any, name: str = "") -> dict[str, list[Sentence]]:
    """Return a serializer's errors by the path of their input (`options.seed`, `items.0`)."""
    if isinstance(detail, Mapping):
        pairs = [(f"{name}.{key}" if name else str(key), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        pairs = [
            (f"{name}.{place}" if name else str(place), item) for place, item in enumerate(detail) if item
        ]
    else:
        return {name or "non_field_errors": [str(line) for line in _listed(detail)]}
    found: dict[str, list[Sentence]] = {}
    for path, value in pairs:
        found |= flat(value, path)
    return found


def _listed(detail: Any) -> list[Any]:
    return detail if isinstance(detail, list) else [detail]


def _only_sentence(fields: Mapping[str, list[Sentence]]) -> Sentence | None:
    """Return what is wrong when it is one thing about the whole; else the general sentence stands."""
    return fields["non_field_errors"][0] if list(fields) == ["non_field_errors"] else None


def _throttled(exception: exceptions.Throttled) -> AppError:
    seconds = math.ceil(getattr(exception, "wait", None) or 60)
    sentence = ngettext(
        "That was too often. Please try again in %(seconds)d second.",
        "That was too often. Please try again in %(seconds)d seconds.",
        seconds,
    )
    return AppError(sentence % {"seconds": seconds}, code=Code.LIMIT, retry_after=seconds)
