"""What the app promises of its rows holds on MariaDB as on SQLite."""

from __future__ import annotations

import os

import pytest

from tests.processes import running_app
from tests.standins.ollama_script import Script

LEFT_OUT = "mysql" in os.environ.get("OC_LEFT_OUT", "").split(",")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(LEFT_OUT, reason="start.py left it out: MariaDB cannot be installed here"),
]


def test_a_conversation_on_mariadb_is_whole_sent_once_and_busy_once(mariadb: dict[str, str]) -> None:
    with running_app(**mariadb) as app:
        app.ollama.default = Script(tokens=["Привет", ", 🌍", " и всё"] * 20, rate=40)
        alice = app.person("alice")
        client_id = "7b1a9f0e-6a53-4c3e-9d6b-0b8f5f0e5d11"
        chat, answer = app.send(alice, "Здравствуй 🙂", client_id=client_id)
        assert app.send(alice, "Здравствуй 🙂", chat=chat, client_id=client_id) == (chat, answer)
        refused = app.call(alice, f"/api/chats/{chat}/messages", {"content": "again", "stream": False})
        assert refused.status_code == 409
        told = app.wait_for_answer(alice, chat, answer)
        assert (told["status"], told["content"]) == ("complete", "Привет, 🌍 и всё" * 20)
        app.send(alice, "Ещё раз", chat=chat)
