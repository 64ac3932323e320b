from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from rest_framework import exceptions

from accounts.api.errors import flat, translate
from accounts.errors import AppError, Code

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (exceptions.ParseError("x"), Code.INVALID),
        (exceptions.ValidationError({"a": ["b"]}), Code.INVALID),
        (exceptions.NotAuthenticated(), Code.UNAUTHENTICATED),
        (exceptions.AuthenticationFailed(), Code.UNAUTHENTICATED),
        (exceptions.PermissionDenied(), Code.FORBIDDEN),
        (PermissionDenied(), Code.FORBIDDEN),
        (Http404(), Code.NOT_FOUND),
        (exceptions.NotFound(), Code.NOT_FOUND),
        (exceptions.MethodNotAllowed("PUT"), Code.WRONG_METHOD),
        (exceptions.UnsupportedMediaType("x/y"), Code.WRONG_TYPE),
        (exceptions.Throttled(3), Code.LIMIT),
        (AppError(code=Code.STALE), Code.STALE),
    ],
)
def test_each_exception_has_its_code(exception: Exception, code: Code) -> None:
    error = translate(exception)
    assert error is not None
    assert error.code is code


def test_what_nobody_foresaw_is_left_to_the_page_for_errors() -> None:
    assert translate(ZeroDivisionError()) is None


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ({"a": ["b", "c"]}, {"a": ["b", "c"]}),
        ({"a": {"b": ["c"]}}, {"a.b": ["c"]}),
        ({"a": [{}, {"b": ["c"]}]}, {"a.1.b": ["c"]}),
        ({"a": {"0": ["c"]}, "d": ["e"]}, {"a.0": ["c"], "d": ["e"]}),
        (["a"], {"non_field_errors": ["a"]}),
        ({"a": "b"}, {"a": ["b"]}),
    ],
)
def test_sentences_stand_under_the_path_of_their_input(detail: Any, fields: dict[str, list[str]]) -> None:
    assert flat(exceptions.ValidationError(detail).detail) == fields


def test_one_sentence_about_the_whole_is_the_message() -> None:
    error = translate(exceptions.ValidationError(["Choose one of the two."]))
    assert str(error) == "Choose one of the two."


def test_the_time_to_wait_goes_into_the_header(alice_client: Client) -> None:
    answer = alice_client.get("/api/wrong/told")
    assert answer.json() == {"error": {"code": "unavailable", "message": "The queue is full."}}
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")


def test_broken_json_is_named_so(client: Client) -> None:
    answer = client.post("/api/wrong/any", "{", content_type="application/json")
    assert answer.json() == {"error": {"code": "invalid", "message": "This is not valid JSON."}}


def test_nobody_learns_what_broke() -> None:
    answer = Client(raise_request_exception=False).get("/api/wrong/any")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "server")
    assert "secret" not in answer.content.decode()
