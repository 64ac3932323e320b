"""`POST /api/chat/search`: the finished answer with its sources, in one call or as a stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client, override_settings

from accounts.models import User
from chats.models import Chat
from tests.chats.conversation import MODEL, answered_chat
from tests.chats.desk import Desk
from tests.standins.ollama_script import Script
from tests.standins.tavily import KEY, ScriptedTavily


@pytest.fixture
def web() -> Iterator[ScriptedTavily]:
    with ScriptedTavily() as tavily, override_settings(TAVILY_API_KEY=KEY, TAVILY_URL=tavily.url):
        tavily.finds(("The Moon", "https://moon.example/", "384,400 km."))
        yield tavily


@contextmanager
def worker(desk: Desk) -> Iterator[None]:
    """Carry out what is granted meanwhile."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            desk.work()
            time.sleep(0.02)
        connection.close()

    working = threading.Thread(target=work)
    working.start()
    yield
    over.set()
    working.join()


def search(client: Client, path: str = "/api/chat/search", **body: Any) -> Any:
    wanted = {"content": "How far is the Moon?", "model": MODEL, **body}
    return client.post(path, wanted, content_type="application/json")


async def read(told: Any) -> str:
    """Return a stream whole."""
    pieces = [piece async for piece in told.streaming_content]
    return b"".join(pieces).decode()


@pytest.mark.parametrize("path", ["/api/chat/search", "/api/chat/search/"])
def test_the_finished_answer_comes_with_its_sources(
    desk: Desk, web: ScriptedTavily, alice: User, client: Client, path: str
) -> None:
    desk.ollama.default = Script(tokens=["384,400 km [1]."])
    client.force_login(alice)
    with worker(desk):
        told = search(client, path)
    assert told.status_code == 200
    answer = told.json()
    assert (answer["status"], answer["content"], answer["notices"]) == ("complete", "384,400 km [1].", [])
    assert answer["sources"][0]["url"] == "https://moon.example/"
    assert Chat.objects.get(pk=answer["chat_id"]).user == alice


def test_without_a_key_the_answer_says_that_it_did_not_search(
    desk: Desk, alice: User, client: Client
) -> None:
    client.force_login(alice)
    with override_settings(TAVILY_API_KEY=""), worker(desk):
        answer = search(client).json()
    assert answer["status"] == "complete"
    assert "Nothing was searched" in answer["notices"][0]


def test_it_can_be_asked_in_a_chat_and_only_in_ones_own(
    desk: Desk, web: ScriptedTavily, alice: User, bob: User, client: Client
) -> None:
    chat, other = answered_chat(alice), answered_chat(bob)
    desk.grants.clear()
    client.force_login(alice)
    assert search(client, chat_id=other.pk).status_code == 404
    with worker(desk):
        assert search(client, chat_id=chat.pk).json()["chat_id"] == chat.pk


def test_nobody_searches_without_signing_in(db: None, client: Client) -> None:
    assert search(client).status_code == 401


@pytest.mark.parametrize("content", ["", "   ", None, 7 * [1]])
def test_a_question_that_is_none_is_refused(alice: User, client: Client, content: Any) -> None:
    client.force_login(alice)
    assert search(client, content=content).status_code == 400


def test_with_stream_the_answer_comes_as_it_is_written(
    desk: Desk, web: ScriptedTavily, alice: User, client: Client
) -> None:
    desk.ollama.default = Script(tokens=["384,400 km [1]."])
    client.force_login(alice)
    told = search(client, stream=True)
    assert told.status_code == 200
    assert told["Content-Type"].startswith("text/event-stream")
    desk.work()
    stream = async_to_sync(read)(told)
    places = [stream.index(word) for word in ('"searching"', "https://moon.example/", "384,400 km [1]")]
    assert places == sorted(places)
