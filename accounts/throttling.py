"""Rate limits of doors of our own, counted and answered as allauth's are (ACCOUNT_RATE_LIMITS)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from allauth.core.internal import ratelimit
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Asked = TypeVar("Asked", bound=HttpRequest)
Rest = ParamSpec("Rest")
View = Callable[Concatenate[Asked, Rest], HttpResponseBase]


def limited(action: str, *, reading: bool = False) -> Callable[[View[Asked, Rest]], View[Asked, Rest]]:
    """Answer 429 to whoever knocks too often; with `reading` a GET counts, too."""

    def guard(view: View[Asked, Rest]) -> View[Asked, Rest]:
        @wraps(view)
        def counted(request: Asked, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
            refusal: HttpResponseBase | None = ratelimit.consume_or_429(
                request, app="allauth.account", action=action, limit_get=reading
            )
            return refusal or view(request, *args, **kwargs)

        return counted

    return guard
