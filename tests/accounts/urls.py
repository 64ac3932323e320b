"""The app's addresses, and some where things go wrong."""

from __future__ import annotations

from typing import Any

import redis
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.decorators import api_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import AppError, Code
from ollamachat.urls import handler400, handler403, handler404, handler429, handler500
from ollamachat.urls import urlpatterns as own

__all__ = ["handler400", "handler403", "handler404", "handler429", "handler500"]


def told(request: HttpRequest) -> HttpResponse:
    """Refuse with a sentence of the app's."""
    raise AppError(
        "The <queue> is full.", code=Code.UNAVAILABLE, fields={"model": ["Choose."]}, retry_after=2.2
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Fail as nobody foresaw."""
    raise ZeroDivisionError("secret details")


def denied(request: HttpRequest) -> HttpResponse:
    """Refuse as Django does."""
    raise PermissionDenied


def without_redis(request: HttpRequest) -> HttpResponse:
    """Need a Redis that is away."""
    redis.Redis(port=1, retry=Retry(NoBackoff(), 0)).ping()
    return HttpResponse()


@api_view(["GET"])
def api_told(request: Request) -> Response:
    """Refuse in the API."""
    raise AppError("The queue is full.", code=Code.UNAVAILABLE, retry_after=2.2)


class Anything(APIView):
    """Takes JSON and fails as its body says."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        """Answer what was sent."""
        return Response(request.data)

    def get(self, request: Request) -> Response:
        """Fail as nobody foresaw."""
        raise ZeroDivisionError("secret details")


urlpatterns = [
    path("wrong/told/", told),
    path("wrong/broken/", broken),
    path("wrong/denied/", denied),
    path("wrong/redis/", without_redis),
    path("api/wrong/told", api_told),
    path("api/wrong/any", Anything.as_view()),
    *own,
]
