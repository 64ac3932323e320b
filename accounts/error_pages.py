"""Errors as people meet them: a friendly page, or the one JSON shape for a script."""

from __future__ import annotations

import logging
import math
from typing import Any

import redis.exceptions
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from accounts.errors import SENTENCES, AppError, Code, Sentence
from accounts.http import wants_json

logger = logging.getLogger(__name__)

TITLES: dict[Code, Sentence] = {
    Code.UNAUTHENTICATED: _("Please sign in"),
    Code.FORBIDDEN: _("Not allowed"),
    Code.SIGNUP_CLOSED: _("Sign-up is closed"),
    Code.NOT_FOUND: _("Nothing here"),
    Code.GONE: _("No longer there"),
    Code.LIMIT: _("A little too fast"),
    Code.SERVER: _("Something went wrong"),
    Code.UNAVAILABLE: _("Not right now"),
    Code.DRAINING: _("Back in a moment"),
}
OTHER_TITLE = _("That did not work")
NO_REDIS = _("A part of the app is not running right now. Please try again in a moment.")
OLD_PAGE = _("This page was open for too long, or cookies are off. Please load it again and retry.")
BARE = (
    "<!doctype html><html><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{title}</title></head>"
    "<body><h1>{title}</h1><p>{message}</p><p><a href='/'>↩</a></p></body></html>"
)


def told(exception: BaseException) -> AppError | None:
    """Return what a person may be told about the exception; None for what nobody foresaw."""
    if isinstance(exception, AppError):
        return exception
    if isinstance(exception, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError):
        logger.warning("Redis does not answer: %s", exception)
        return AppError(NO_REDIS, code=Code.UNAVAILABLE)
    return None


def respond(request: HttpRequest, error: AppError) -> HttpResponse:
    """Return the error as the caller reads it, with its status."""
    response = _json(error) if wants_json(request) else _page(request, error)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _json(error: AppError) -> HttpResponse:
    return JsonResponse(error.body(), status=error.status)


def _page(request: HttpRequest, error: AppError) -> HttpResponse:
    title = str(TITLES.get(error.code, OTHER_TITLE))
    context = {"status": error.status, "title": title, "message": str(error)}
    try:
        html: str = render_to_string("error.html", context, request)
    except Exception:
        logger.exception("the error page could not be made")
        html = BARE.format(title=escape(title), message=escape(str(error)))
    return HttpResponse(html, status=error.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that Django refuses to read."""
    return respond(request, AppError(code=Code.INVALID))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer whoever may not do this."""
    return respond(request, AppError(code=Code.FORBIDDEN))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer at an address where nothing is."""
    return respond(request, AppError(code=Code.NOT_FOUND))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an error that nobody foresaw; Django has logged it."""
    return respond(request, AppError(code=Code.SERVER))


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer whoever knocks too often."""
    return respond(request, AppError(SENTENCES[Code.LIMIT], code=Code.LIMIT, retry_after=60))


def csrf_failure(request: HttpRequest, reason: str = "", **_kwargs: Any) -> HttpResponse:
    """Answer a form whose token does not fit."""
    logger.info("a form was refused: %s", reason)
    return respond(request, AppError(OLD_PAGE, code=Code.FORBIDDEN))
