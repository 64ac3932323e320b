"""A call under an `Idempotency-Key` is made once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency
from accounts.api.idempotency import idempotent
from accounts.errors import AppError, Code
from accounts.models import IdempotentCall, User
from ollamachat.urls import urlpatterns as own

CALLS: list[Any] = []
GOES_ON = threading.Event()


class Create(APIView):
    """Creates, fails, or waits, as its body says."""

    @idempotent()
    def post(self, request: Request) -> Response:
        body: Any = request.data
        CALLS.append(body)
        if body.get("fail"):
            raise AppError(code=Code.UNAVAILABLE)
        if body.get("wait"):
            GOES_ON.wait(10)
        return Response({"number": len(CALLS)}, status=201)


class Upload(APIView):
    """Takes a file."""

    parser_classes = [MultiPartParser]

    @idempotent()
    def post(self, request: Request) -> Response:
        CALLS.append(request.FILES["file"].read())
        return Response({"number": len(CALLS)}, status=201)


urlpatterns: list[Any] = [path("api/once", Create.as_view()), path("api/once/", Create.as_view())]
urlpatterns += [path("api/once/upload", Upload.as_view()), *own]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()
    GOES_ON.clear()


def post(client: Client, key: str | None, where: str = "/api/once", **body: Any) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    return client.post(where, body, content_type="application/json", headers=headers)


def test_the_same_call_is_made_once_and_answered_the_same(alice_client: Client) -> None:
    first = post(alice_client, "one", title="x", n=1)
    again = post(alice_client, "one", "/api/once/", n=1, title="x")
    assert (first.status_code, again.status_code, len(CALLS)) == (201, 201, 1)
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"


def test_without_a_key_or_with_another_one_it_is_made_again(alice_client: Client) -> None:
    for key in (None, None, "one", "One", "one "):
        assert post(alice_client, key).status_code == 201
    assert len(CALLS) == 5


def test_a_key_is_ones_own(alice_client: Client, bob_client: Client) -> None:
    assert post(alice_client, "one").json() != post(bob_client, "one").json()


def test_another_request_under_the_same_key_is_a_conflict(alice_client: Client) -> None:
    post(alice_client, "one", title="x")
    other = post(alice_client, "one", title="y")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    assert len(CALLS) == 1


def test_what_has_failed_may_be_tried_again(alice_client: Client) -> None:
    assert post(alice_client, "one", fail=True).status_code == 503
    assert post(alice_client, "one", fail=True).status_code == 503
    assert len(CALLS) == 2
    assert post(alice_client, "one").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 191])
def test_a_key_that_is_none_is_told_so(alice_client: Client, key: str) -> None:
    refused = post(alice_client, key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid")


def test_files_count_by_their_content(alice_client: Client) -> None:
    def upload(content: bytes) -> Any:
        file = SimpleUploadedFile("a.png", content)
        return alice_client.post("/api/once/upload", {"file": file}, headers={"idempotency-key": "one"})

    assert [upload(b"fox").status_code for _ in range(2)] == [201, 201]
    assert upload(b"cat").status_code == 409
    assert CALLS == [b"fox"]


def test_after_a_day_the_key_is_free_again(alice_client: Client) -> None:
    post(alice_client, "one")
    IdempotentCall.objects.update(at=timezone.now() - timedelta(hours=25))
    assert post(alice_client, "one", title="other").status_code == 201
    IdempotentCall.objects.update(at=timezone.now() - timedelta(hours=25))
    assert idempotency.purge() == 1


@pytest.fixture
def waiting(alice_client: Client, transactional_db: None) -> Iterator[threading.Thread]:
    """A first call that is still running."""

    def call() -> None:
        post(alice_client, "one", wait=True)
        connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    while not CALLS:
        assert thread.is_alive()
    yield thread
    GOES_ON.set()
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_while_the_first_call_runs_the_second_is_told_to_wait(
    alice_client: Client, waiting: threading.Thread
) -> None:
    busy = post(alice_client, "one", wait=True)
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "busy")
    GOES_ON.set()
    waiting.join()
    assert post(alice_client, "one", wait=True).json() == {"number": 1}


def test_a_call_whose_process_died_is_taken_over(alice_client: Client, alice: User) -> None:
    post(alice_client, "one")
    IdempotentCall.objects.update(status=None, body=None)
    assert post(alice_client, "one").status_code == 409
    IdempotentCall.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert post(alice_client, "one").json() == {"number": 2}
