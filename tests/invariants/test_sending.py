"""One send is one message and one answer, whoever repeats it and however many send at once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes import App, Person
from tests.standins.ollama_script import Script, echo

pytestmark = pytest.mark.processes


def test_the_same_send_twice_is_one_message_and_one_answer(app: App, alice: Person) -> None:
    chat = app.call(alice, "/api/chats", {}).json()["id"]
    client_id = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        sends = [pool.submit(app.send, alice, "once", chat=chat, client_id=client_id) for _ in range(8)]
    assert len({send.result() for send in sends}) == 1
    app.wait_for_answer(alice, chat, sends[0].result()[1])
    assert len(app.call(alice, f"/api/chats/{chat}").json()["messages"]) == 2
    assert len(app.ollama.chats) == 1


def test_a_second_answer_in_the_same_chat_is_refused_as_busy(app: App, alice: Person) -> None:
    app.ollama.default.rate = 5
    chat, answer = app.send(alice, "first")
    refused = app.call(alice, f"/api/chats/{chat}/messages", {"content": "second", "stream": False})
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "busy"
    app.ollama.default.rate = None
    app.wait_for_answer(alice, chat, answer)
    app.send(alice, "second", chat=chat)


def test_ten_people_at_once_each_get_their_own_answer(app: App) -> None:
    app.ollama.default = Script(rate=200)
    people = [app.person(f"someone{number}") for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        words = [" ".join([person.name] * 40) for person in people]
        sends = list(pool.map(app.send, people, words))
    for person, word, (chat, answer) in zip(people, words, sends, strict=True):
        told = app.wait_for_answer(person, chat, answer)
        assert told["status"] == "complete"
        assert told["content"] == echo([{"role": "user", "content": word}])
