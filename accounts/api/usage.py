"""The JSON API of limits: what the caller has used of what is scarce."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, TruncDate
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import limits
from accounts.api.permissions import ANY
from accounts.api.serializers import DaySerializer, UsageSerializer
from accounts.models import Usage, User


class Limits(APIView):
    """What the caller has used and may use."""

    scope = ANY

    @extend_schema(summary="My limits", responses=UsageSerializer, tags=["usage"])
    def get(self, request: Request) -> Response:
        """Tell what is used of what is scarce; minutes and pictures count over 24 hours."""
        found = limits.read_limits(cast("User", request.user))
        return Response(UsageSerializer({"limits": found}).data)


class Days(generics.ListAPIView[Usage]):
    """What the caller has used, day by day."""

    scope = ANY
    serializer_class = DaySerializer

    def get_queryset(self) -> Any:
        """Return one line a day in UTC, newest first."""
        days = Usage.objects.filter(user=cast("User", self.request.user)).annotate(day=TruncDate("at"))
        return (
            days.values("day")
            .annotate(
                gpu_seconds=Coalesce(Sum("amount", filter=Q(kind=limits.GPU)), 0.0),
                pictures=Coalesce(Sum("amount", filter=Q(kind=limits.PICTURES)), 0.0),
            )
            .order_by("-day")
        )

    @extend_schema(summary="My usage by day", tags=["usage"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what was used each day, newest first."""
        return super().get(request, *args, **kwargs)
