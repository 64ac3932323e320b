"""The JSON API of the card."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import AppError, Code
from gpu import actions, monitor, status
from live.redis import RedisError


def _told(describe: Any, *arguments: Any) -> Response:
    try:
        return Response(describe(*arguments))
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None


def _given(request: Request) -> dict[str, Any]:
    """Return the body and the query as one; a body that is no object counts as empty."""
    body = request.data if isinstance(request.data, dict) else {}
    return {**body, **request.query_params.dict()}


class BorrowSerializer(serializers.Serializer[Any]):
    """For how long, and what stays resident: none (a game) or comfyui."""

    minutes = serializers.IntegerField()
    service = serializers.ChoiceField(choices=["none", "comfyui"], default="none")


class Gpu(APIView):
    """The card: who has it, the line, the memory; what others do stays without their names."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return _told(status.describe, request.user)


class History(APIView):
    """The memory of the last minutes as [seconds since the epoch, used, Ollama, ComfyUI], in bytes."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return _told(lambda: {"points": monitor.history()})


class Diary(APIView):
    """What happened to the card, newest first, in plain words."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return _told(lambda: {"entries": status.diary()})


class Borrow(APIView):
    """POST borrows the card for some minutes, DELETE gives it back."""

    @extend_schema(request=BorrowSerializer, responses={200: dict})
    def post(self, request: Request) -> Response:
        given = _given(request)
        service = str(given.get("service") or "none")
        actions.borrow_card(request.user, minutes=given.get("minutes"), service=service)
        return _told(status.describe, request.user)

    @extend_schema(responses={200: dict})
    def delete(self, request: Request) -> Response:
        actions.give_back(request.user)
        return _told(status.describe, request.user)


class ProcessStatus(APIView):
    """The services and the line, for admins."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        actions.require_admin(request.user)
        return _told(status.for_admins)


class ProcessSwitch(APIView):
    """Has a service resident next: 202 asked, 200 there already, 409 while the other one computes."""

    @extend_schema(
        request=None,
        responses={200: dict, 202: dict},
        parameters=[
            OpenApiParameter("service", enum=["ollama", "comfyui"], required=True),
            OpenApiParameter("force", bool),
        ],
    )
    def post(self, request: Request) -> Response:
        given = _given(request)
        force = str(given.get("force", "")).lower() in ("true", "1", "yes", "on")
        answer = actions.switch_to(request.user, service=str(given.get("service", "")), force=force)
        response = _told(status.for_admins)
        response.status_code = 200 if answer == "there" else 202
        return response
