"""The JSON API of the models."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import idempotent
from accounts.api.pagination import Pages, paged
from accounts.api.parsing import read_body
from accounts.api.permissions import ANY
from gpu import model_actions, model_page

Loose = serializers.Serializer[Any]


class PullSerializer(Loose):
    """The model's name as in Ollama's library."""

    name = serializers.CharField(max_length=190, required=False, allow_blank=True, default="")


class NamedSerializer(Loose):
    """The model that is asked for."""

    name = serializers.CharField()


class ModelSerializer(Loose):
    """An installed model; sizes in bytes, windows in tokens."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    size = serializers.IntegerField()
    parameters = serializers.CharField()
    quantization = serializers.CharField()
    family = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    context_ = serializers.DictField(help_text="window, trained, loaded")
    keep_alive = serializers.JSONField(help_text="Seconds, or a text as Ollama takes it.")
    loaded = serializers.BooleanField()
    size_loaded = serializers.IntegerField()
    size_vram = serializers.IntegerField()
    default_for = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, one of them under the name that serializers keep for themselves."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class Models(APIView):
    """The installed models."""

    read_scope = ANY

    @extend_schema(
        summary="The models",
        tags=["models"],
        parameters=Pages.parameters,
        responses=paged(ModelSerializer),
    )
    def get(self, request: Request) -> Response:
        """List the installed models with what they can do and what they are used for."""
        pages = Pages()
        page = pages.paginate_queryset(model_page.describe(), request, view=self)
        return pages.get_paginated_response(page or [])

    @extend_schema(
        summary="Download a model",
        tags=["models"],
        request=PullSerializer,
        responses={202: NamedSerializer},
        examples=[OpenApiExample("A small one", {"name": "qwen3:4b"}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Have a model downloaded (admins)."""
        name = read_body(PullSerializer, request)["name"]
        return Response({"name": model_actions.pull(request.user, name)}, status=202)


class OneModel(APIView):
    """One model."""

    @extend_schema(summary="Remove a model", tags=["models"], responses={202: NamedSerializer})
    def delete(self, request: Request, name: str) -> Response:
        """Remove a model from the disk (admins)."""
        model_actions.delete(request.user, name)
        return Response({"name": name}, status=202)
