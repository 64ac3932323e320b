"""The JSON API of API keys; it works with a login or a session, never with a key."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import apikeys, rights
from accounts.api.idempotency import idempotent
from accounts.api.parsing import read_body
from accounts.api.permissions import ACCOUNT
from accounts.api.serializers import KeySerializer, NewKeySerializer
from accounts.models import ApiKey, User, Verb

A_KEY = {"name": "the editor", "scopes": ["chat", "read"], "expires_at": "2099-01-01T00:00:00Z"}


class Keys(generics.ListAPIView[ApiKey]):
    """The caller's API keys."""

    scope = ACCOUNT
    serializer_class = KeySerializer

    def get_queryset(self) -> Any:
        return apikeys.mine(cast("User", self.request.user))

    @extend_schema(summary="My API keys", tags=["keys"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the keys that are not withdrawn, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Make an API key",
        request=KeySerializer,
        responses={201: NewKeySerializer},
        examples=[OpenApiExample("For chats", A_KEY, request_only=True)],
        tags=["keys"],
    )
    @idempotent(secret="key")  # noqa: S106 - the name of the field that is not kept
    def post(self, request: Request) -> Response:
        """Make a key; its text is in this answer and nowhere else."""
        user = cast("User", request.user)
        rights.check(user, Verb.USE_API)
        given = read_body(KeySerializer, request)
        key, text = apikeys.create_key(
            user,
            name=given["name"],
            scopes=given["scopes"],
            expires_at=given.get("expires_at"),
            request=request._request,
        )
        return Response({**KeySerializer(key).data, "key": text}, status=201)


class OneKey(APIView):
    """One API key."""

    scope = ACCOUNT

    @extend_schema(summary="Withdraw an API key", responses={204: None}, tags=["keys"])
    def delete(self, request: Request, key_id: int) -> Response:
        """Withdraw a key; it ends at once."""
        apikeys.revoke_key(cast("User", request.user), key_id, request=request._request)
        return Response(status=204)
