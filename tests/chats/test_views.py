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
from gpu.models import LanguageModel
from gpu.snapshot import DOWN, NO_MODELS, Known
from tests.chats.conversation import MODEL, answered_chat, ask, finish, know_models, leaf

pytestmark = pytest.mark.django_db

FETCH = {"X-Requested-With": "fetch"}
PAGES = ["/", "/chats/list/", "/chats/{chat}/", "/chats/{chat}/messages/{message}/"]
ACTIONS = [
    "/chats/send/",
    "/chats/{chat}/send/",
    "/chats/{chat}/rename/",
    "/chats/{chat}/delete/",
    "/chats/{chat}/messages/{message}/stop/",
    "/chats/{chat}/messages/{message}/again/",
    "/chats/{chat}/messages/{message}/continue/",
]
VERBS = {"send", "rename", "delete", "stop", "again", "continue"}
OF_A_CHAT = [path for path in [*PAGES, *ACTIONS] if "{chat}" in path]


@pytest.fixture
def chat(alice: User) -> Chat:
    return answered_chat(alice, status="stopped")


def address(path: str, chat: Chat) -> str:
    return path.format(chat=chat.pk, message=chat.leaf_id)


def call(client: Client, path: str, **more: Any) -> Any:
    return client.get(path, **more) if is_page(path) else client.post(path, {"content": "Hi"}, **more)


def is_page(path: str) -> bool:
    return path.rstrip("/").rsplit("/", 1)[-1] not in VERBS


def assert_is_error(response: Any, status: int, code: str, *fields: str) -> None:
    assert response.status_code == status
    body = json.loads(response.content)
    assert list(body) == ["error"]
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert list(body["error"].get("fields", {})) == list(fields)


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", [*PAGES, *ACTIONS])
def test_who_is_not_signed_in_is_asked_to(client: Client, chat: Chat, path: str) -> None:
    response = call(client, address(path, chat))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("path", OF_A_CHAT)
def test_a_strangers_chat_is_not_there(bob_client: Client, chat: Chat, path: str) -> None:
    before = list(Message.objects.values())
    assert call(bob_client, address(path, chat)).status_code == 404
    assert_is_error(call(bob_client, address(path, chat), headers=FETCH), 404, "not_found")
    assert list(Message.objects.values()) == before
    assert Chat.objects.get().deleted_at is None


@pytest.mark.parametrize("path", OF_A_CHAT)
def test_a_deleted_chat_is_not_there_for_its_own_person_either(
    alice_client: Client, chat: Chat, path: str
) -> None:
    alice_client.post(f"/chats/{chat.pk}/delete/")
    assert call(alice_client, address(path, chat)).status_code == 404


@pytest.mark.parametrize("path", OF_A_CHAT)
def test_an_admin_reads_no_strangers_chat(admin_client: Client, chat: Chat, path: str) -> None:
    assert call(admin_client, address(path, chat)).status_code == 404


@pytest.mark.parametrize("path", [*PAGES, *ACTIONS])
def test_the_wrong_method_is_refused(alice_client: Client, chat: Chat, path: str) -> None:
    path = address(path, chat)
    response = alice_client.post(path) if is_page(path) else alice_client.get(path)
    assert response.status_code == 405


@pytest.mark.parametrize("path", ["messages/{message}/", "messages/{message}/stop/"])
def test_a_message_is_found_only_in_its_own_chat(alice: User, alice_client: Client, path: str) -> None:
    first, second = answered_chat(alice), answered_chat(alice)
    path = f"/chats/{first.pk}/{path.format(message=second.leaf_id)}"
    assert call(alice_client, path).status_code == 404


@pytest.mark.parametrize("verb", ["stop", "again", "continue"])
def test_a_persons_own_message_is_no_answer(alice_client: Client, chat: Chat, verb: str) -> None:
    question = leaf(chat).parent_id
    assert alice_client.post(f"/chats/{chat.pk}/messages/{question}/{verb}/").status_code == 404


@pytest.mark.parametrize("path", ["/chats/{n}/", "/chats/{n}/messages/{n}/", "/chats/list/?chat={n}"])
@pytest.mark.parametrize("number", [0, 10**18, 10**30])
def test_a_number_that_no_row_has_breaks_nothing(alice_client: Client, path: str, number: int) -> None:
    expected = 200 if "list" in path else 404
    assert alice_client.get(path.format(n=number)).status_code == expected


# --- Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/chats/send/", "/chats/{chat}/send/"])
@pytest.mark.parametrize(
    ("data", "status", "code", "field"),
    [
        ({}, 400, "invalid", "content"),
        ({"content": "  "}, 400, "invalid", "content"),
        ({"content": "a\x00b"}, 400, "invalid", "content"),
        ({"content": "Hi", "client_id": "no uuid"}, 400, "invalid", "client_id"),
        ({"content": "Hi", "model": "m" * 191}, 400, "invalid", "model"),
    ],
)
def test_a_bad_message_is_told_by_its_field(
    alice_client: Client, chat: Chat, path: str, data: dict[str, str], status: int, code: str, field: str
) -> None:
    response = alice_client.post(address(path, chat), data, headers=FETCH)
    assert_is_error(response, status, code, field)
    assert Message.objects.count() == 2


def test_a_message_that_is_too_long_is_told_so(alice_client: Client, chat: Chat) -> None:
    response = alice_client.post("/chats/send/", {"content": "x" * 200_001}, headers=FETCH)
    assert_is_error(response, 413, "too_large")


def test_a_busy_chat_says_so_to_a_script_and_to_a_page(alice: User, alice_client: Client) -> None:
    chat = ask(alice).chat
    path = f"/chats/{chat.pk}/send/"
    assert_is_error(alice_client.post(path, {"content": "Hi"}, headers=FETCH), 409, "busy")
    page = alice_client.post(path, {"content": "Hi"})
    assert (page.status_code, page["Content-Type"]) == (409, "text/html; charset=utf-8")


def test_an_answer_with_nothing_to_continue_says_so(alice: User, alice_client: Client) -> None:
    chat = answered_chat(alice)
    path = f"/chats/{chat.pk}/messages/{chat.leaf_id}/continue/"
    assert_is_error(alice_client.post(path, headers=FETCH), 412, "stale")


@pytest.mark.parametrize("current", ["", "no number", "²", "-1", "1.5"])
def test_the_list_ignores_a_current_chat_that_is_none(alice_client: Client, current: str) -> None:
    assert alice_client.get("/chats/list/", {"chat": current}).status_code == 200


# --- Happy paths --------------------------------------------------------------------------------------


def test_home_offers_an_empty_conversation_and_the_models(alice_client: Client) -> None:
    know_models(Known("first:1b", 1), Known("second:1b", 2, loaded=True))
    response = alice_client.get("/")
    assert response.status_code == 200
    assert response.context["thread"] == []
    assert response.context["model_name"] == "second:1b"
    assert 'value="first:1b"' in response.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DOWN, "Ollama does not answer at http://ollama.example:11434"),
        (NO_MODELS, "ollama pull"),
        ("starting", "looking for Ollama"),
    ],
)
def test_home_says_how_ollama_is(alice_client: Client, state: str, words: str) -> None:
    know_models(Known("only-pictures", 1, ("image",)), state=state)
    assert words in alice_client.get("/").text


def test_only_an_admin_is_offered_the_download(alice_client: Client, admin_client: Client) -> None:
    know_models(Known("only-pictures", 1, ("image",)), state=NO_MODELS)
    assert 'action="/models/pull/"' not in alice_client.get("/").text
    assert 'action="/models/pull/"' in admin_client.get("/").text


def test_a_chat_shows_its_thread_and_its_place_in_the_list(alice_client: Client, chat: Chat) -> None:
    response = alice_client.get(f"/chats/{chat.pk}/")
    assert [message.content for message in response.context["thread"]] == ["Question 0", "The sky."]
    assert "<p>The sky.</p>" in response.text
    assert 'aria-current="page"' in response.text


def test_a_chat_shows_only_the_way_to_where_it_stands(alice_client: Client, chat: Chat) -> None:
    first = leaf(chat)
    alice_client.post(f"/chats/{chat.pk}/messages/{first.pk}/again/")
    thread = alice_client.get(f"/chats/{chat.pk}/").context["thread"]
    assert [message.pk for message in thread] == [first.parent_id, leaf(chat).pk]


def test_the_list_has_ones_own_chats_newest_first(alice: User, bob: User, alice_client: Client) -> None:
    older, newer, _not_hers = answered_chat(alice), ask(alice).chat, answered_chat(bob)
    response = alice_client.get("/chats/list/", {"chat": older.pk})
    assert list(response.context["listed"].chats) == [newer, older]
    assert [chat.running for chat in response.context["listed"].chats] == [True, False]
    assert response.text.count('aria-current="page"') == 1


def test_a_message_is_shown_as_it_is_now(alice: User, alice_client: Client) -> None:
    sent = ask(alice)
    path = f"/chats/{sent.chat.pk}/messages/{sent.answer.pk}/"
    assert "data-running" in alice_client.get(path).text
    finish(sent.answer, "**Blue**", status="interrupted", error_code="worker_lost")
    shown = alice_client.get(path).text
    assert "<strong>Blue</strong>" in shown
    assert "interrupted by a restart" in shown
    assert "data-running" not in shown


def test_an_answer_is_by_the_model_as_people_know_it(alice: User, alice_client: Client, chat: Chat) -> None:
    LanguageModel.objects.create(name=MODEL, label="The quick one")
    for path in (f"/chats/{chat.pk}/", f"/chats/{chat.pk}/messages/{leaf(chat).pk}/"):
        assert "The quick one" in alice_client.get(path).text.split('class="who"')[1].split("</h2>")[0]
    ask(alice, chat=chat)
    assert 'data-model="The quick one"' in alice_client.get(f"/chats/{chat.pk}/thread/").text


def test_a_script_is_told_what_its_message_made(alice_client: Client) -> None:
    client_id = str(uuid.uuid4())
    data = {"content": "Why?", "model": MODEL, "client_id": client_id}
    told = alice_client.post("/chats/send/", data, headers=FETCH).json()
    answer = Message.objects.get(pk=told["answer"])
    assert (told["chat"], told["message"]) == (answer.chat_id, answer.parent_id)
    assert told["url"] == f"/chats/{answer.chat_id}/"
    assert f'id="m{told["message"]}"' in told["html"]
    assert f'id="m{told["answer"]}"' in told["html"]
    again = alice_client.post("/chats/send/", data, headers=FETCH).json()
    assert (again["message"], again["answer"]) == (told["message"], told["answer"])


def test_a_page_without_scripts_is_led_to_the_chat(alice_client: Client, chat: Chat) -> None:
    new = alice_client.post("/chats/send/", {"content": "Why?"})
    assert (new.status_code, new["Location"]) == (302, Chat.objects.latest("pk").get_absolute_url())
    sent = alice_client.post(f"/chats/{chat.pk}/send/", {"content": "Why?"})
    assert (sent.status_code, sent["Location"]) == (302, f"/chats/{chat.pk}/")
    assert leaf(chat).status == "queued"


@pytest.mark.parametrize("verb", ["again", "continue"])
def test_another_try_is_answered_with_its_message(alice_client: Client, chat: Chat, verb: str) -> None:
    before = leaf(chat)
    path = f"/chats/{chat.pk}/messages/{before.pk}/{verb}/"
    told = alice_client.post(path, headers=FETCH).json()
    assert (told["answer"] == before.pk) is (verb == "continue")
    assert told["message"] == before.parent_id
    assert f'id="m{told["answer"]}"' in told["html"]
    assert leaf(chat).status == "queued"


@pytest.mark.parametrize("verb", ["again", "continue", "stop"])
def test_without_scripts_each_action_on_an_answer_leads_back(
    alice_client: Client, chat: Chat, verb: str
) -> None:
    response = alice_client.post(f"/chats/{chat.pk}/messages/{chat.leaf_id}/{verb}/")
    assert (response.status_code, response["Location"]) == (302, f"/chats/{chat.pk}/")


def test_stop_stops(alice: User, alice_client: Client) -> None:
    sent = ask(alice)
    path = f"/chats/{sent.chat.pk}/messages/{sent.answer.pk}/stop/"
    assert alice_client.post(path, headers=FETCH).status_code == 204
    assert leaf(sent.chat).status == "stopped"


def test_rename_renames(alice_client: Client, chat: Chat) -> None:
    path = f"/chats/{chat.pk}/rename/"
    assert alice_client.post(path, {"title": "Physics"}, headers=FETCH).status_code == 204
    assert alice_client.post(path, {"title": "<b>Physics</b>"})["Location"] == f"/chats/{chat.pk}/"
    assert "&lt;b&gt;Physics&lt;/b&gt;" in alice_client.get("/").text


def test_delete_deletes(alice_client: Client, chat: Chat) -> None:
    path = f"/chats/{chat.pk}/delete/"
    assert alice_client.post(path, headers=FETCH).status_code == 204
    assert str(chat) not in alice_client.get("/chats/list/").text


def test_delete_without_scripts_leads_home(alice_client: Client, chat: Chat) -> None:
    assert alice_client.post(f"/chats/{chat.pk}/delete/")["Location"] == "/"


# --- Queries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/chats/list/"])
def test_more_chats_need_no_more_queries(alice: User, alice_client: Client, path: str) -> None:
    answered_chat(alice)
    few = queries_of(alice_client, path)
    for _ in range(5):
        answered_chat(alice)
    assert queries_of(alice_client, path) == few


def test_more_messages_need_no_more_queries(alice: User, alice_client: Client) -> None:
    short, long = answered_chat(alice, turns=1), answered_chat(alice, turns=6)
    for chat in (short, long):
        alice_client.get(f"/chats/{chat.pk}/")  # which keeps the messages' HTML
    assert queries_of(alice_client, f"/chats/{short.pk}/") == queries_of(alice_client, f"/chats/{long.pk}/")
