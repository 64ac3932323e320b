"""The JSON API of the door: register, login, refresh, me."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, authentication_classes, permission_classes, throttle_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import policy, registering, tokens
from accounts.api.serializers import (
    AccessSerializer,
    ErrorSerializer,
    LoginSerializer,
    RefreshSerializer,
    RegisterSerializer,
    TokensSerializer,
    UserSerializer,
)
from accounts.api.throttling import DoorThrottle
from accounts.models import User


def _errors(**sentences: str) -> dict[int, OpenApiResponse]:
    return {int(name[1:]): OpenApiResponse(ErrorSerializer, text) for name, text in sentences.items()}


@extend_schema(
    summary="Make an account",
    request=RegisterSerializer,
    responses={
        201: TokensSerializer,
        **_errors(_400="A field cannot stay as it is.", _403="Sign-up is closed.", _429="Too often."),
    },
    auth=[],
    tags=["auth"],
)
@api_view(["POST"])
@authentication_classes([])
@permission_classes([AllowAny])
@throttle_classes([DoorThrottle])
def register(request: Request) -> Response:
    """Make an account and sign in with it."""
    policy.check_signup_is_open()
    given = _read(RegisterSerializer, request)
    username = given["username"] or registering.free_username(given["name"], given["email"].partition("@")[0])
    user = registering.register_user(
        username, password=given["password"], email=given["email"], name=given["name"]
    )
    return _signed_in(user, status.HTTP_201_CREATED)


@extend_schema(
    summary="Sign in",
    request=LoginSerializer,
    responses={
        200: TokensSerializer,
        **_errors(
            _400="A field is missing.",
            _401="The name or the password is wrong.",
            _403="The account is switched off.",
            _429="Too often.",
        ),
    },
    auth=[],
    tags=["auth"],
)
@api_view(["POST"])
@authentication_classes([])
@permission_classes([AllowAny])
@throttle_classes([DoorThrottle])
def login(request: Request) -> Response:
    """Sign in by e-mail address or user name."""
    given = _read(LoginSerializer, request)
    user = tokens.sign_in(
        request._request, login=given["email"] or given["username"], password=given["password"]
    )
    return _signed_in(user, status.HTTP_200_OK)


@extend_schema(
    summary="Get a new access token",
    request=RefreshSerializer,
    responses={200: AccessSerializer, **_errors(_401="The token is not valid any more.", _429="Too often.")},
    auth=[],
    tags=["auth"],
)
@api_view(["POST"])
@authentication_classes([])
@permission_classes([AllowAny])
@throttle_classes([DoorThrottle])
def refresh(request: Request) -> Response:
    """Get a new access token for a refresh token."""
    given = _read(RefreshSerializer, request)
    return Response({"access": tokens.fresh_access(given["refresh"])})


@extend_schema(
    summary="Who am I",
    responses={200: UserSerializer, **_errors(_401="Nobody is signed in.")},
    tags=["auth"],
)
@api_view(["GET"])
def me(request: Request) -> Response:
    """Tell whose token this is."""
    return Response(UserSerializer(cast("User", request.user)).data)


def _read(kind: type[Any], request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found


def _signed_in(user: User, code: int) -> Response:
    return Response({**tokens.tokens_for(user), "user": UserSerializer(user).data}, status=code)
