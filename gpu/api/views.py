"""The JSON API of the card."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pagination import Pages, paged
from accounts.errors import AppError, Code
from gpu import actions, monitor, status
from live.redis import RedisError

OBJECT = OpenApiTypes.OBJECT
MOST = 200  # entries of the diary that are told


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


class EntrySerializer(serializers.Serializer[Any]):
    """Something that happened to the card; `at` is in milliseconds since the epoch."""

    at = serializers.IntegerField()
    type = serializers.CharField()
    sentence = serializers.CharField()


class Gpu(APIView):
    """The card."""

    @extend_schema(summary="The card and its line", tags=["card"], responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """Tell who has the card, the line, the memory; what others do stays without their names."""
        return _told(status.describe, request.user)


class History(APIView):
    """The card's memory."""

    @extend_schema(summary="The memory of the last minutes", tags=["card"], responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """Tell the memory as points [seconds since the epoch, used, Ollama, ComfyUI], in bytes."""
        return _told(lambda: {"points": monitor.history()})


class Diary(APIView):
    """What happened to the card."""

    @extend_schema(
        summary="What happened to the card",
        tags=["card"],
        parameters=Pages.parameters,
        responses=paged(EntrySerializer),
    )
    def get(self, request: Request) -> Response:
        """List what happened to the card, newest first, in plain words."""
        pages = Pages()
        try:
            page = pages.paginate_queryset(status.diary(MOST), request, view=self)
        except RedisError:
            raise AppError(code=Code.UNAVAILABLE) from None
        return pages.get_paginated_response(page or [])


class Borrow(APIView):
    """The card for something else, for some minutes."""

    @extend_schema(
        summary="Borrow the card",
        tags=["card"],
        request=BorrowSerializer,
        responses={200: OBJECT},
        examples=[OpenApiExample("For a game", {"minutes": 60}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Borrow the card for some minutes; what runs ends first."""
        given = _given(request)
        service = str(given.get("service") or "none")
        actions.borrow_card(request.user, minutes=given.get("minutes"), service=service)
        return _told(status.describe, request.user)

    @extend_schema(summary="Give the card back", tags=["card"], responses={200: OBJECT})
    def delete(self, request: Request) -> Response:
        """Give the card back."""
        actions.give_back(request.user)
        return _told(status.describe, request.user)


class ProcessStatus(APIView):
    """The services and the line."""

    @extend_schema(summary="The services and the line (admins)", tags=["card"], responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """Tell what each service does and who waits."""
        actions.require_admin(request.user)
        return _told(status.for_admins)


class ProcessSwitch(APIView):
    """Which service has the card next."""

    @extend_schema(
        summary="Have a service resident next (admins)",
        tags=["card"],
        request=None,
        responses={200: OBJECT, 202: OBJECT},
        parameters=[
            OpenApiParameter("service", enum=["ollama", "comfyui"], required=True),
            OpenApiParameter("force", bool),
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask for a switch: 202 asked, 200 there already, 409 while the other one computes or it is borrowed.

        `switch` is null while another hand-over has to end first.
        """
        given = _given(request)
        force = str(given.get("force", "")).lower() in ("true", "1", "yes", "on")
        service = str(given.get("service", ""))
        answer = actions.switch_to(request.user, service=service, force=force)
        response = _told(status.for_admins)
        if response.data["switch"] and response.data["switch"]["to"] != service:
            response.data["switch"] = None
        response.status_code = 200 if answer == "there" else 202
        return response
