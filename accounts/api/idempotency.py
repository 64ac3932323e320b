"""The header `Idempotency-Key` on what creates."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import idempotency
from accounts.models import IdempotentCall, User

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ABOUT = "Any text of yours. The same call with it again is answered the same for a day, and made only once."
Method = Callable[..., HttpResponseBase]


def idempotent(*, secret: str = "") -> Callable[[Method], Method]:
    """Have a method that creates be called once a key; the field `secret` of its answer is not kept."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            key = request.headers.get(HEADER)
            if key is None:
                return method(view, request, *args, **kwargs)
            return _once(request, key, secret, lambda: method(view, request, *args, **kwargs))

        said = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=ABOUT)
        described: Method = extend_schema(parameters=[said])(once)
        return described

    return decorate


def _once(request: Request, key: str, secret: str, call: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    user = cast("User", request.user)
    request_hash = idempotency.fingerprint(request.method or "", request.path.rstrip("/"), request.data)
    before = idempotency.claim(user, key, request_hash)
    if before is not None:
        return call() if before.body is None else _replay(before)
    try:
        response = call()
    except BaseException:  # whatever ended the call, it may be made again
        idempotency.forget(user, key)
        raise
    idempotency.keep(user, key, status=response.status_code, body=_body_of(response, secret))
    return response


def _replay(before: IdempotentCall) -> Response:
    return Response(before.body, status=before.status, headers={REPLAYED: "true"})


def _body_of(response: HttpResponseBase, secret: str) -> Any:
    """Return what is kept of an answer; None for a stream, which its rows answer again."""
    if not isinstance(response, Response):
        return None
    body = json.loads(JSONRenderer().render(response.data))
    return {**body, secret: None} if secret else body


def client_id_of(request: Request) -> UUID | None:
    """Return the header as the id under which a message or a picture is made once; None without it."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    try:
        return UUID(key)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"{request.user.pk}:{key}")
