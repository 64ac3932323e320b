"""The JSON API of the models."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import ANY
from gpu import model_actions, model_page


class PullSerializer(serializers.Serializer[Any]):
    """The model's name as in Ollama's library."""

    name = serializers.CharField(max_length=190)


class Models(APIView):
    """GET lists the installed models; POST has one downloaded (admins)."""

    read_scope = ANY

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return Response({"models": model_page.describe()})

    @extend_schema(request=PullSerializer, responses={202: dict})
    def post(self, request: Request) -> Response:
        given = request.data.get("name", "") if isinstance(request.data, dict) else ""
        return Response({"name": model_actions.pull(request.user, str(given))}, status=202)


class OneModel(APIView):
    """DELETE removes a model from the disk (admins)."""

    @extend_schema(responses={202: dict})
    def delete(self, request: Request, name: str) -> Response:
        model_actions.delete(request.user, name)
        return Response({"name": name}, status=202)
