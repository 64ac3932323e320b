"""One id through all logs, and nothing in them that lets anybody in."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import links, tokens
from accounts.models import User
from gpu import arbiter
from live import counters, tracing
from live.redis import client as redis
from ollamachat import logs
from ollamachat.request_ids import begin_task, end_task, send_with_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Json())
    loggers = [logging.getLogger(name) for name in ("", "ollamachat.access", "ollamachat.tasks")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
    loggers[0].addHandler(handler)
    yield stream
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_has_one_line_with_its_id_route_and_time(client: Client, written: io.StringIO) -> None:
    given = "b0b0b0b0-proxy"
    response = client.get("/accounts/login/?next=/c/1", headers={"X-Request-ID": given})
    [line] = [line for line in lines(written) if line["logger"] == "ollamachat.access"]
    assert response["X-Request-ID"] == line["request_id"] == given
    assert (line["method"], line["route"], line["status"]) == ("GET", "/accounts/login/", 200)
    assert line["ms"] > 0


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "a b c d e f g h", "12345678\r\nSet-Cookie: a=b", "<script>"]
)
def test_what_is_no_id_is_replaced_by_one(client: Client, given: str) -> None:
    made = client.get("/livez", headers={"X-Request-ID": given})["X-Request-ID"]
    assert made != given
    assert len(made) == 32


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_what_is_asked_all_the_time_has_no_line(client: Client, written: io.StringIO, path: str) -> None:
    client.get(path)
    assert not [line for line in lines(written) if line["logger"] == "ollamachat.access"]


def test_the_place_in_line_keeps_the_id_of_who_asked() -> None:
    redis().flushdb()
    sent: list[str] = []
    arbiter.send_grants_with("traced", lambda _row, _lease: sent.append(tracing.current()))
    arbiter.transact("see", resident=arbiter.OLLAMA)
    arbiter.transact("pause", on=True)
    with tracing.under("who-asked"):
        arbiter.enqueue(arbiter.Ticket("traced", 7, 1))
    with tracing.under("who-resumes"):
        arbiter.transact("pause", on=False)
    assert sent == ["who-asked"]


def test_a_task_works_under_the_id_that_it_was_sent_with(written: io.StringIO) -> None:
    class Request:
        request_id = ""
        args = (1, "lease")

    class Task:
        name = "chats.generate"
        request = Request()

    headers: dict[str, Any] = {}
    with tracing.under("from-the-web"):
        send_with_task(headers=headers)
    Task.request.request_id = headers["request_id"]
    begin_task(task=Task())
    assert tracing.headers() == {"X-Request-ID": "from-the-web"}
    logging.getLogger("chats.generation").warning("something")
    end_task(task=Task(), state="SUCCESS")
    assert tracing.current() == ""
    assert {line["request_id"] for line in lines(written)} == {"from-the-web"}


SECRETS = [
    "GET /setup/Zk3qv8W1yB2mN4pL6rT9uX0cE5aD7fGhJkQwErTyUiO/ failed",
    "redis://:s3cr3t-pass-w0rd@127.0.0.1:6379/0 is away",
    "smtp://anna:s3cr3t-pass-w0rd@mail:587",
    "Authorization: Bearer s3cr3t-pass-w0rd",
    "Authorization: Basic s3cr3tpassw0rdpassw0rd==",
    "{'password': 's3cr3t-pass-w0rd', 'name': 'anna'}",
    'body {"password1": "x", "new_password": "s3cr3t-pass-w0rd"}',
    "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.s3cr3t-pass-w0rd",
    "key oc_3f2a9c1b_s3cr3tpassw0rdZk3qv8W1 used",
    "api_key=s3cr3t-pass-w0rd&q=1",
]


@pytest.mark.parametrize("message", SECRETS)
@pytest.mark.parametrize("formatter", [logs.Json(), logs.Hiding("%(message)s")], ids=["json", "line"])
def test_no_secret_is_written(message: str, formatter: logging.Formatter) -> None:
    told = formatter.format(logging.makeLogRecord({"msg": "%s", "args": (message,)}))
    assert "s3cr3t" not in told
    assert "Zk3qv8W1" not in told
    assert logs.HIDDEN in told


def test_no_secret_is_written_with_a_traceback_either() -> None:
    try:
        raise ValueError("redis://:s3cr3t-pass-w0rd@box")
    except ValueError:
        record = logging.makeLogRecord({"msg": "oh", "exc_info": sys.exc_info()})
    assert "s3cr3t" not in logs.Json().format(record)
    assert "Traceback" in logs.Json().format(record)


def test_the_operators_own_secrets_are_never_written(settings: Any) -> None:
    secret = settings.ENV["JWT_SECRET"]
    assert secret
    assert secret not in logs.hide(f"unexpected value {secret!r}")


def test_usual_lines_stay_as_they_are() -> None:
    for line in (
        "answer 12 could not be saved",
        "GET /c/1?m=2#m2 404",
        "http://127.0.0.1:11434/api/chat 500",
    ):
        assert logs.hide(line) == line


def test_what_people_do_at_the_doors_leaves_no_secret_in_the_log(
    client: Client, alice: User, written: io.StringIO
) -> None:
    password = "correct horse battery"
    link = links.create_setup_link()
    pair = tokens.begin(alice)
    client.get(reverse("accounts:setup", args=[link]))
    client.get(f"/setup/{link}x/")
    client.get(f"/link/{link}/")
    client.get(f"/nowhere/{link}/")
    client.post("/accounts/login/", {"login": "alice", "password": password})
    client.post("/api/auth/login", {"username": "alice", "password": password + "!"}, "application/json")
    client.get("/api/chats", headers={"Authorization": f"Bearer {pair['access']}x"})
    client.post("/api/auth/refresh", {"refresh": "x" + pair["refresh"]}, "application/json")
    told = written.getvalue()
    assert len(lines(written)) >= 8
    for secret in (link, password, pair["access"], pair["refresh"]):
        assert secret not in told


def test_requests_are_counted_by_view_and_status(client: Client) -> None:
    counters.send()
    redis().flushdb()
    client.get("/accounts/login/")
    client.get("/nowhere/")
    counters.send()
    told = counters.read("requests")
    assert told["account_login", "GET", "200"] == 1
    assert told["none", "GET", "404"] == 1
    text = client.get("/metrics").text
    assert 'ollama_chat_requests_total{method="GET",status="200",view="account_login"} 1.0' in text
    assert 'ollama_chat_queue_length{queue="llm"} 0.0' in text
    assert 'ollama_chat_worker_up{worker="upkeep"} 0.0' in text
