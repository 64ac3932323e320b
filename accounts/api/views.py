"""The JSON API of the door: register, login, refresh, logout, verify, me."""

from __future__ import annotations

from typing import cast

from django.contrib.auth import logout as end_session
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import invites, policy, registering, tokens
from accounts.api.authentication import identify
from accounts.api.parsing import read_body
from accounts.api.permissions import ACCOUNT, KeysInScope
from accounts.api.serializers import (
    ErrorSerializer,
    LoginSerializer,
    LogoutSerializer,
    PairSerializer,
    RefreshSerializer,
    RegisterSerializer,
    TokensSerializer,
    UserSerializer,
    VerifiedSerializer,
    WaitingSerializer,
)
from accounts.api.throttling import DoorThrottle, RefreshThrottle
from accounts.errors import AppError, Code
from accounts.models import ApiKey, ScriptLogin, User

ANN = {"email": "ann@example.org", "password": "correct horse battery"}


def _errors(**sentences: str) -> dict[int, OpenApiResponse]:
    return {int(name[1:]): OpenApiResponse(ErrorSerializer, text) for name, text in sentences.items()}


class Door(APIView):
    """What anybody may ask, so many times a minute; a dead token does not keep them from it."""

    scope = ACCOUNT
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [DoorThrottle]


class Register(Door):
    """Make an account and sign in with it."""

    @extend_schema(
        summary="Make an account",
        request=RegisterSerializer,
        responses={
            201: TokensSerializer,
            202: WaitingSerializer,
            **_errors(_400="A field cannot stay as it is.", _403="Sign-up is closed.", _429="Too often."),
        },
        examples=[OpenApiExample("A new person", {**ANN, "name": "Ann"}, request_only=True)],
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Make an account; 202 where an admin has to let new people in."""
        given = read_body(RegisterSerializer, request)
        invite = invites.find_invite(given["invite"]) if given["invite"] else None
        if invite is None:
            policy.check_signup_is_open()
        address = given["email"].partition("@")[0]
        username = given["username"] or registering.free_username(given["name"], address)
        user = registering.sign_up(
            username,
            password=given["password"],
            email=given["email"],
            name=given["name"],
            invite=invite,
            request=request._request,
        )
        if user.waits_for_approval:
            return Response({"waiting": True}, status=status.HTTP_202_ACCEPTED)
        return _signed_in(request, user, status.HTTP_201_CREATED)


class Login(Door):
    """Sign in by e-mail address or user name."""

    @extend_schema(
        summary="Sign in",
        request=LoginSerializer,
        responses={
            200: TokensSerializer,
            **_errors(
                _400="A field is missing.",
                _401="The name or the password is wrong; with the field `otp`: a code is asked for.",
                _403="The account is switched off.",
                _429="Too often.",
            ),
        },
        examples=[
            OpenApiExample("By address", ANN, request_only=True),
            OpenApiExample(
                "With a second factor",
                {"username": "ann", "password": ANN["password"], "otp": "123456"},
                request_only=True,
            ),
        ],
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Sign in; the answer holds the tokens of a login that ends as a whole."""
        given = read_body(LoginSerializer, request)
        user = tokens.sign_in(
            request._request,
            login=given["email"] or given["username"],
            password=given["password"],
            otp=given["otp"],
        )
        return _signed_in(request, user, status.HTTP_200_OK)


class Refresh(Door):
    """Get the next pair of tokens."""

    throttle_classes = [RefreshThrottle]

    @extend_schema(
        summary="Get the next pair of tokens",
        request=RefreshSerializer,
        responses={
            200: PairSerializer,
            **_errors(_401="The token is not valid any more.", _429="Too often."),
        },
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Get the next pair; a refresh token works once, and used again it ends the whole login."""
        return Response(tokens.renew(read_body(RefreshSerializer, request)["refresh"]))


class Logout(APIView):
    """End a login."""

    scope = ACCOUNT
    permission_classes = [KeysInScope]

    @extend_schema(
        summary="Sign out",
        request=LogoutSerializer,
        responses={204: None, **_errors(_401="Nobody is signed in.")},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """End the login of the access token, or of the refresh token in the body; all its tokens end."""
        raw = read_body(LogoutSerializer, request)["refresh"]
        if isinstance(request.auth, ScriptLogin):
            tokens.end(request.auth)
        elif raw:
            tokens.end(tokens.find_by_refresh(raw))
        elif request.user.is_authenticated:
            end_session(request._request)
        else:
            raise AppError(code=Code.UNAUTHENTICATED)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Verify(APIView):
    """Whether a token is good."""

    scope = ACCOUNT
    authentication_classes = [SessionAuthentication]  # a bad header is an answer here, not an error
    permission_classes = [AllowAny]

    @extend_schema(
        summary="Is this token good?",
        responses={200: VerifiedSerializer},
        auth=[{"jwtAuth": []}, {}],  # type: ignore[list-item]
        tags=["auth"],
    )
    def get(self, request: Request) -> Response:
        """Tell whose access token (or session) this is; a bad one is `valid: false`, never an error."""
        user = _verified(request)
        return Response({"valid": user is not None, "user": UserSerializer(user).data if user else None})


def _verified(request: Request) -> User | None:
    try:
        found = identify(request._request)
    except AppError:
        return None
    if found is None:
        user = request.user
        return user if isinstance(user, User) else None
    return None if isinstance(found, ApiKey) else found.user


class Me(APIView):
    """The caller's own account."""

    scope = ACCOUNT

    @extend_schema(
        summary="Who am I",
        responses={200: UserSerializer, **_errors(_401="Nobody is signed in.")},
        tags=["auth"],
    )
    def get(self, request: Request) -> Response:
        """Tell whose token this is."""
        return Response(UserSerializer(_caller(request)).data)

    @extend_schema(
        summary="Change my name or how my pages look",
        request=UserSerializer(partial=True),
        responses={
            200: UserSerializer,
            **_errors(_400="A field cannot stay as it is.", _401="Nobody is signed in."),
        },
        examples=[OpenApiExample("In Russian, dark", {"language": "ru", "theme": "dark"}, request_only=True)],
        tags=["auth"],
    )
    def patch(self, request: Request) -> Response:
        """Change name, language, theme or details; what is left out stays."""
        serializer = UserSerializer(_caller(request), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


def _caller(request: Request) -> User:
    return cast("User", request.user)


def _signed_in(request: Request, user: User, code: int) -> Response:
    return Response({**tokens.begin(user, request._request), "user": UserSerializer(user).data}, status=code)
