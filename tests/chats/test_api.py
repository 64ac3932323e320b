from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat, Message
from tests.chats.conversation import MODEL, answered_chat, ask, finish, leaf

pytestmark = pytest.mark.django_db

STOP = "/api/chats/{chat}/messages/{message}/stop"
EVENTS = "/api/chats/{chat}/messages/{message}/events"
OF_A_CHAT = [
    ("get", "/api/chats/{chat}"),
    ("put", "/api/chats/{chat}"),
    ("patch", "/api/chats/{chat}"),
    ("delete", "/api/chats/{chat}"),
    ("post", "/api/chats/{chat}/restore"),
    ("post", "/api/chats/{chat}/messages"),
    ("get", EVENTS),
    ("post", STOP),
]
ALL = [("get", "/api/chats"), ("post", "/api/chats"), *OF_A_CHAT]
NOT_ALLOWED = [
    ("put", "/api/chats"),
    ("post", "/api/chats/{chat}"),
    ("post", EVENTS),
    ("get", STOP),
]


@pytest.fixture
def chat(alice: User) -> Chat:
    return answered_chat(alice)


def call(client: Client, verb: str, path: str, chat: Chat | None = None, body: Any = None) -> Any:
    """Call an endpoint; a body goes as JSON."""
    if chat:
        path = path.format(chat=chat.pk, message=chat.leaf_id)
    default = {"content": "Hi", "stream": False} if path.strip("/").endswith("messages") else {}
    sent = {} if verb == "get" else {"data": json.dumps(default if body is None else body)}
    return getattr(client, verb)(path, content_type="application/json", **sent)


def send(client: Client, chat: Chat, headers: dict[str, str] | None = None, **body: Any) -> Any:
    data = json.dumps({"stream": False, **body})
    path = f"/api/chats/{chat.pk}/messages"
    return client.post(path, data, content_type="application/json", headers=headers or {})


def assert_is_error(response: Any, status: int, code: str, *fields: str) -> None:
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert list(body["error"].get("fields", {})) == list(fields)


# --- Who may, and how ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("verb", "path"), ALL)
def test_without_a_token_nothing_is_told(
    client: Client, chat: Chat, verb: str, path: str, slash: str
) -> None:
    response = call(client, verb, path + slash, chat)
    assert_is_error(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_bad_token_opens_nothing(client: Client) -> None:
    response = client.get("/api/chats", headers={"Authorization": "Bearer made.up.token"})
    assert_is_error(response, 401, "unauthenticated")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("verb", "path"), OF_A_CHAT)
def test_a_strangers_chat_is_not_there(
    bob_client: Client, chat: Chat, verb: str, path: str, slash: str
) -> None:
    assert_is_error(call(bob_client, verb, path + slash, chat), 404, "not_found")
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("verb", "path"), NOT_ALLOWED)
def test_the_wrong_method_is_told_so(alice_client: Client, chat: Chat, verb: str, path: str) -> None:
    assert_is_error(call(alice_client, verb, path, chat), 405, "wrong_method")


@pytest.mark.parametrize("path", ["/api/chats/x", "/api/chats/1/nothing", f"/api/chats/{10**17}", "/api/no"])
def test_where_nothing_is_the_error_is_json(alice_client: Client, path: str) -> None:
    assert_is_error(alice_client.get(path), 404, "not_found")


# --- Chats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/chats", "/api/chats/"])
def test_the_list_has_ones_own_chats_newest_first(
    alice: User, bob: User, alice_client: Client, path: str
) -> None:
    older, newer, _not_hers = answered_chat(alice), answered_chat(alice), answered_chat(bob)
    told = alice_client.get(path).json()
    assert (told["count"], told["next"], told["previous"]) == (2, None, None)
    assert [chat["id"] for chat in told["results"]] == [newer.pk, older.pk]
    assert set(told["results"][0]) == {
        "id", "title", "model", "system_prompt", "options", "unread", "pinned_at", "archived_at",
        "created_at", "updated_at",
    }  # fmt: skip


def test_a_deleted_chat_is_in_no_list(alice_client: Client, chat: Chat) -> None:
    alice_client.post(f"/chats/{chat.pk}/delete/")
    assert alice_client.get("/api/chats").json()["count"] == 0
    assert_is_error(alice_client.get(f"/api/chats/{chat.pk}"), 404, "not_found")


def test_the_list_comes_in_pages(alice: User, alice_client: Client) -> None:
    chats = [answered_chat(alice).pk for _ in range(5)]
    first = alice_client.get("/api/chats?page_size=2").json()
    assert (first["count"], [chat["id"] for chat in first["results"]]) == (5, chats[:2:-1])
    second = alice_client.get(first["next"]).json()
    assert [chat["id"] for chat in second["results"]] == [chats[2], chats[1]]
    last = alice_client.get(second["next"]).json()
    assert ([chat["id"] for chat in last["results"]], last["next"]) == ([chats[0]], None)


@pytest.mark.parametrize("page", ["0", "-1", "99", "x"])
def test_a_page_that_is_not_there_is_told_so(alice_client: Client, page: str) -> None:
    assert_is_error(alice_client.get("/api/chats", {"page": page}), 404, "not_found")


@pytest.mark.parametrize("size", ["0", "-5", "x", "100000"])
def test_a_senseless_page_size_breaks_nothing(alice_client: Client, chat: Chat, size: str) -> None:
    assert alice_client.get("/api/chats", {"page_size": size}).json()["count"] == 1


@pytest.mark.parametrize("path", ["/api/chats", "/api/chats/"])
@pytest.mark.parametrize("body", [{}, {"title": "Physics", "model": MODEL}, {"title": ""}])
def test_a_chat_is_begun_empty(alice: User, alice_client: Client, path: str, body: dict[str, str]) -> None:
    response = call(alice_client, "post", path, body=body)
    assert response.status_code == 201
    chat = Chat.objects.get()
    assert (chat.user, chat.leaf) == (alice, None)
    assert (chat.title, chat.model_name) == (body.get("title", ""), body.get("model", ""))
    assert response.json()["id"] == chat.pk


def test_fields_that_are_unknown_or_not_ones_own_to_set_are_ignored(
    alice: User, bob: User, alice_client: Client
) -> None:
    body = {"title": "Mine", "user": bob.pk, "id": 77, "updated_at": "1999-01-01T00:00Z", "colour": "red"}
    assert call(alice_client, "post", "/api/chats", body=body).status_code == 201
    chat = Chat.objects.get()
    assert chat.user == alice
    assert chat.pk != 77
    assert chat.updated_at.year > 1999
    sent = send(alice_client, chat, content="Hi", colour="red", role="system", author=bob.pk)
    assert sent.status_code == 201
    assert sent.json()["message"]["role"] == "user"
    assert set(Message.objects.values_list("author", flat=True)) == {alice.pk}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"title": "x" * 121}, ["title"]),
        ({"title": None}, ["title"]),
        ({"model": ["a"]}, ["model"]),
        ({"title": {"a": 1}, "model": "m" * 191}, ["title", "model"]),
    ],
)
def test_a_chat_with_bad_fields_is_told_by_field(
    alice_client: Client, body: dict[str, Any], fields: list[str]
) -> None:
    assert_is_error(call(alice_client, "post", "/api/chats", body=body), 400, "invalid", *fields)
    assert not Chat.objects.exists()


@pytest.mark.parametrize(("title", "whose"), [(" Mine ", "person"), ("", "words")])
def test_a_title_that_a_chat_begins_with_is_the_persons(alice_client: Client, title: str, whose: str) -> None:
    told = call(alice_client, "post", "/api/chats", body={"title": title, "system_prompt": " Rhyme.\r\n"})
    chat = Chat.objects.get()
    assert (chat.title, chat.titled_by, chat.system_prompt) == (title.strip(), whose, "Rhyme.")
    assert told.json()["title"] == chat.title


def test_instructions_are_as_long_here_as_on_the_page(alice_client: Client) -> None:
    told = call(alice_client, "post", "/api/chats", body={"system_prompt": "x" * 20_001})
    assert_is_error(told, 413, "too_large")
    assert not Chat.objects.exists()


def test_a_chat_is_read_with_its_thread(alice_client: Client, chat: Chat) -> None:
    for path in (f"/api/chats/{chat.pk}", f"/api/chats/{chat.pk}/"):
        told = alice_client.get(path).json()
        assert (told["id"], told["title"]) == (chat.pk, "Question 0")
        question, answer = told["messages"]
        assert (question["role"], question["content"], question["parent_id"]) == ("user", "Question 0", None)
        assert (answer["role"], answer["content"], answer["parent_id"]) == (
            "assistant",
            "The sky.",
            question["id"],
        )
        assert (answer["status"], answer["error"], answer["model"]) == ("complete", "", MODEL)


def test_an_answers_error_is_a_sentence(alice: User, alice_client: Client) -> None:
    sent = ask(alice)
    finish(sent.answer, "", status="failed", error_code="model_missing", error_about={"model": "x:1b"})
    path = f"/api/chats/{sent.chat.pk}"
    told = alice_client.get(path).json()["messages"][1]
    assert (told["status"], told["error_code"]) == ("failed", "model_missing")
    assert "x:1b is not installed" in told["error"]


# --- Messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_send_without_streaming_tells_what_it_made(alice_client: Client, chat: Chat, slash: str) -> None:
    before = chat.leaf_id
    path = f"/api/chats/{chat.pk}/messages{slash}"
    response = call(alice_client, "post", path, body={"content": "Why?", "model": "x:1b", "stream": False})
    assert response.status_code == 201
    told = response.json()
    assert (told["chat_id"], told["message"]["parent_id"]) == (chat.pk, before)
    assert told["message"]["content"] == "Why?"
    assert (told["answer"]["status"], told["answer"]["model"]) == ("queued", "x:1b")
    assert leaf(chat).pk == told["answer"]["id"]


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, "invalid", ["content"]),
        ({"content": ""}, "invalid", ["content"]),
        ({"content": "  \n"}, "invalid", ["content"]),
        ({"content": None}, "invalid", ["content"]),
        ({"content": ["a"]}, "invalid", ["content"]),
        ({"content": "\ud800"}, "invalid", []),
        ({"content": "a\x00b"}, "invalid", ["content"]),
        ({"content": "Hi", "client_id": "x"}, "invalid", ["client_id"]),
        ({"content": "Hi", "model": "m" * 191}, "invalid", ["model"]),
        ({"content": "Hi", "stream": "perhaps"}, "invalid", ["stream"]),
        ({"client_id": "x", "stream": "perhaps"}, "invalid", ["content", "stream", "client_id"]),
    ],
)
def test_a_bad_message_is_told_by_its_fields(
    alice_client: Client, chat: Chat, body: dict[str, Any], code: str, fields: list[str]
) -> None:
    assert_is_error(send(alice_client, chat, **body), 400, code, *fields)
    assert Message.objects.count() == 2


def test_a_message_that_is_too_long_is_told_so(alice_client: Client, chat: Chat) -> None:
    assert_is_error(send(alice_client, chat, content="x" * 200_001), 413, "too_large")


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "invalid"),
        ("[]", "application/json", 400, "invalid"),
        ('"text"', "application/json", 400, "invalid"),
        ("null", "application/json", 400, "invalid"),
        (b"\xff\xfe", "application/json", 400, "invalid"),
        ("content=Hi", "application/x-www-form-urlencoded", 415, "wrong_type"),
        ("Hi", "text/plain", 415, "wrong_type"),
    ],
)
@pytest.mark.parametrize("path", ["/api/chats", "/api/chats/{chat}/messages"])
def test_a_body_that_is_no_object_of_json_is_refused(
    alice_client: Client, chat: Chat, path: str, data: str, content_type: str, status: int, code: str
) -> None:
    response = alice_client.post(path.format(chat=chat.pk), data, content_type=content_type)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


def test_a_second_message_while_an_answer_runs_is_busy(alice: User, alice_client: Client) -> None:
    assert_is_error(send(alice_client, ask(alice).chat, content="second"), 409, "busy")


@pytest.mark.parametrize("where", ["body", "header"])
def test_the_same_send_again_is_the_same_answer(alice_client: Client, chat: Chat, where: str) -> None:
    key = str(uuid.uuid4())
    body = {"content": "once"} | ({"client_id": key} if where == "body" else {})
    headers = {"Idempotency-Key": key} if where == "header" else {}
    sends = [send(alice_client, chat, headers, **body) for _ in range(2)]
    assert [response.status_code for response in sends] == [201, 201]
    assert sends[0].json()["answer"]["id"] == sends[1].json()["answer"]["id"]
    assert Message.objects.count() == 4


def test_a_streamed_send_again_under_its_key_is_the_same_answer(alice_client: Client, chat: Chat) -> None:
    for _ in range(2):
        answer = send(alice_client, chat, {"Idempotency-Key": "any text"}, content="once", stream=True)
        assert answer["Content-Type"].startswith("text/event-stream")
    assert Message.objects.count() == 4
    other = send(alice_client, chat, {"Idempotency-Key": "any text"}, content="twice", stream=True)
    assert_is_error(other, 409, "conflict")


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_ended_answer_is_told_whole_as_events(alice_client: Client, chat: Chat, slash: str) -> None:
    path = EVENTS.format(chat=chat.pk, message=chat.leaf_id) + slash
    response = alice_client.get(path, headers={"Accept": "text/event-stream"})
    assert response["Content-Type"].startswith("text/event-stream")
    text, end = (json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: "))
    assert (text["type"], text["offset"], text["text"]) == ("text", 0, "The sky.")
    assert (end["type"], end["status"], end["id"]) == ("end", "complete", chat.leaf_id)


def test_errors_are_json_for_who_accepts_events_alone(alice_client: Client, chat: Chat) -> None:
    path = f"/api/chats/{chat.pk}/messages"
    response = alice_client.post(
        path, "{}", content_type="application/json", headers={"Accept": "text/event-stream"}
    )
    assert_is_error(response, 400, "invalid", "content")


def test_a_question_has_no_events(alice_client: Client, chat: Chat) -> None:
    path = EVENTS.format(chat=chat.pk, message=leaf(chat).parent_id)
    assert_is_error(alice_client.get(path), 404, "not_found")


@pytest.mark.parametrize("slash", ["", "/"])
def test_stop_stops(alice: User, alice_client: Client, slash: str) -> None:
    sent = ask(alice)
    path = STOP.format(chat=sent.chat.pk, message=sent.answer.pk) + slash
    assert alice_client.post(path).status_code == 204
    assert leaf(sent.chat).status == "stopped"


# --- Queries ------------------------------------------------------------------------------------------


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_more_chats_need_no_more_queries(alice: User, alice_client: Client) -> None:
    answered_chat(alice)
    few = queries_of(alice_client, "/api/chats")
    for _ in range(5):
        answered_chat(alice)
    assert queries_of(alice_client, "/api/chats") == few


def test_more_messages_need_no_more_queries(alice: User, alice_client: Client) -> None:
    short, long = answered_chat(alice), answered_chat(alice, turns=6)
    few = queries_of(alice_client, f"/api/chats/{short.pk}")
    assert queries_of(alice_client, f"/api/chats/{long.pk}") == few
