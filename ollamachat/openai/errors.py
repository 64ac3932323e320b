"""Errors as clients of this API read them: our codes and sentences in its shape."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ParseError

from accounts import error_pages
from accounts.api.authentication import REALM, identify
from accounts.api.errors import NOT_JSON
from accounts.api.permissions import check_scope
from accounts.errors import AppError, Code, Sentence
from accounts.models import ApiKey

logger = logging.getLogger(__name__)

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
# What Ollama says, as this API names it: the code, and the status that goes with it.
OF_SERVICE = {
    "context_full": ("context_length_exceeded", 400),
    "model_missing": ("model_not_found", 404),
    "no_model": ("model_not_found", 404),
    "service_down": ("unavailable", 503),
    "service_hangs": ("unavailable", 503),
    "service_busy": ("unavailable", 503),
}
BROKEN = 502

View = Callable[..., HttpResponseBase]


class CallError(AppError):
    """Something wrong with a call; `param` names the part of it."""

    def __init__(
        self, message: Sentence | None = None, *, code: Code = Code.INVALID, param: str = "", name: str = ""
    ) -> None:
        super().__init__(message, code=code)
        self.param, self.name = param, name


def body_of(message: Sentence, *, status: int, code: str, param: str = "") -> dict[str, Any]:
    """Return the one shape of an error of this API."""
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": str(message), "type": kind, "code": code, "param": param or None}}


def respond(error: AppError) -> JsonResponse:
    """Return the error as its response."""
    param, name = getattr(error, "param", ""), getattr(error, "name", "")
    body = body_of(error.message, status=error.status, code=name or str(error.code), param=param)
    response = JsonResponse(body, status=error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status == Code.UNAUTHENTICATED.status:
        response.headers["WWW-Authenticate"] = REALM
    return response


def of_answer(code: str, sentence: str) -> tuple[int, dict[str, Any]]:
    """Return status and body for an answer that ended with this code of ours."""
    name, status = OF_SERVICE.get(code, (code or "stopped", BROKEN))
    return status, body_of(sentence, status=status, code=name)


def door(method: str, scope: str) -> Callable[[View], View]:
    """Make a view a door of this API: by token or key alone, errors in its shape."""

    def decorate(view: View) -> View:
        @csrf_exempt  # no cookie is looked at
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                if request.method != method:
                    raise AppError(code=Code.WRONG_METHOD)
                found = identify(request)
                if found is None:
                    raise AppError(code=Code.UNAUTHENTICATED)
                if isinstance(found, ApiKey):
                    check_scope(found, scope, method)
                request.user = found.user
                return view(request, *args, **kwargs)
            except ParseError:
                return respond(AppError(NOT_JSON, code=Code.INVALID))
            except Exception as error:
                told = error_pages.told(error)
                if told is None:
                    logger.exception("a call met an unforeseen error")
                    told = AppError(code=Code.SERVER)
                return respond(told)

        return guarded

    return decorate
