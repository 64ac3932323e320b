"""What the app promises of its rows holds on MariaDB as on SQLite, and it is sparing with connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import MySQLdb
import pytest

from tests.processes import App, Person, wait_until
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

LOOKS = 20
SAID = "На новой видеокарте растёт Ёлка на видеокарте; на вид котом; the café, num_ctx и C++ за 5 дней"
FINDS = {
    "видеокарту": True,
    "ВИДЕОКАРТА": True,
    "ёлка": True,
    "елка": True,
    "ёлочка": False,
    "кот": True,
    "коту вида": True,
    "лес": False,
    "карта": False,
    "растет елка": True,
    "растёт слон": False,
    "«растёт елка»": True,
    "«растет на»": False,
    "на елка": True,
    "за елка": True,
    "зе елка": False,
    "the": True,
    "this": False,
    "num_ctx": True,
    '"ctx num"': False,
    "5 дней": True,
    "6 дней": False,
    "cafe": True,
    "c++": True,
    '"+-><()~*@%s': False,
    "+елка -ель (дуб)": False,
}


@contextmanager
def connected(mariadb: dict[str, str]) -> Iterator[Any]:
    """Yield a cursor of our own in the app's database server."""
    connection = MySQLdb.connect(
        host="127.0.0.1", port=int(mariadb["DB_PORT"]), user="oc", passwd="oc", autocommit=True
    )
    yield connection.cursor()
    connection.close()


def open_connections(cursor: Any) -> int:
    """Return how many connections the app has at this moment."""
    cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'ollama_chat'")
    return int(cursor.fetchone()[0])


def looks(cursor: Any) -> list[int]:
    """Return how many connections there were, looked at over a second."""
    found = []
    for _ in range(LOOKS):
        found.append(open_connections(cursor))
        time.sleep(1 / LOOKS)
    return found


def test_a_conversation_on_mariadb_is_whole_sent_once_and_busy_once(app: App) -> None:
    app.ollama.script(Script(tokens=["Привет", ", 🌍", " и всё"] * 20, rate=40))
    alice = app.person("alice")
    client_id = "7b1a9f0e-6a53-4c3e-9d6b-0b8f5f0e5d11"
    chat, answer = app.send(alice, "Здравствуй 🙂", client_id=client_id)
    assert app.send(alice, "Здравствуй 🙂", chat=chat, client_id=client_id) == (chat, answer)
    refused = app.call(alice, f"/api/chats/{chat}/messages", {"content": "again", "stream": False})
    assert refused.status_code == 409
    told = app.wait_for_answer(alice, chat, answer)
    assert (told["status"], told["content"]) == ("complete", "Привет, 🌍 и всё" * 20)
    app.send(alice, "Ещё раз", chat=chat)


def test_answers_hold_no_connection_while_the_model_writes(app: App, mariadb: dict[str, str]) -> None:
    people = [app.person(name) for name in ("carol", "dave", "erin", "frank")]
    app.ollama.default = Script(tokens=["word "] * 40, rate=20)
    sent = [(person, *app.send(person, "Go on")) for person in people]
    for person, chat, answer in sent:
        app.wait_for_answer(person, chat, answer, "streaming")
    with connected(mariadb) as cursor:
        seen = looks(cursor)
        # The worker has one for the checkpoints of all its answers; no answer has one of its own.
        assert sorted(seen)[LOOKS // 2] <= 1, seen
        for person, chat, answer in sent:
            assert app.wait_for_answer(person, chat, answer)["status"] == "complete"
        wait_until(lambda: open_connections(cursor) == 0 or None, 5)


def test_a_picture_holds_no_connection_while_it_is_drawn_and_waited_for(
    app: App, mariadb: dict[str, str], comfyui: ScriptedComfyUI
) -> None:
    gina = app.person("gina")
    app.ollama.default = Script(tokens=['{"prompt": "A red fox in the snow."}'])
    comfyui.picture_seconds = 2
    order = {"description": "a red fox", "wait": True}
    with ThreadPoolExecutor(1) as hand, connected(mariadb) as cursor:
        ordered = hand.submit(app.call, gina, "/api/image/generate", order)
        wait_until(lambda: any(one.end is None for one in comfyui.intervals) or None)
        seen = looks(cursor)
        comfyui.picture_seconds = 0.05
        assert sorted(seen)[LOOKS // 2] <= 1, seen  # the worker's own, which hears of a wish to cancel
        assert ordered.result(timeout=20).status_code == 200
        wait_until(lambda: open_connections(cursor) == 0 or None, 10)


def test_a_burst_waits_for_connections_instead_of_failing(app: App, mariadb: dict[str, str]) -> None:
    hal = app.person("hal")
    app.call(hal, "/api/chats", {})
    with connected(mariadb) as cursor:
        cursor.execute("SET GLOBAL max_connections = 10")
        try:
            with ThreadPoolExecutor(30) as crowd:
                answers = list(crowd.map(lambda _: app.call(hal, "/api/chats").status_code, range(60)))
        finally:
            cursor.execute("SET GLOBAL max_connections = 151")
    assert set(answers) == {200}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("@@sql_mode", "STRICT_TRANS_TABLES"), ("@@character_set_connection", "utf8mb4")],
)
def test_the_apps_connections_are_strict_and_hold_every_letter(app: App, variable: str, value: str) -> None:
    code = (
        "from django.db import connection as c; cursor = c.cursor();"
        f"cursor.execute('SELECT {variable}'); print(cursor.fetchone()[0])"
    )
    assert value in app.manage("shell", "--no-imports", "-c", code)


def test_search_finds_on_mariadb_what_it_finds_on_sqlite(app: App) -> None:
    app.ollama.script(Script(tokens=["Пожалуйста, ", "рыжая лисица."]))
    alice, bob = app.person("ann"), app.person("ben")
    chat, answer = app.send(alice, SAID)
    app.wait_for_answer(alice, chat, answer)
    for query, finds in FINDS.items():
        assert (_found(app, alice, query) == 1) is finds, query
    assert _found(app, alice, "лисицы") == 1
    assert _found(app, bob, "лисицы") == 0
    titled = app.call(alice, "/api/search", params={"q": "видеокарты"}).json()["chats"]
    assert [hit["chat_id"] for hit in titled] == [chat]


def _found(app: App, person: Person, query: str) -> int:
    told = app.call(person, "/api/search", params={"q": query})
    assert told.status_code == 200, told.text
    return len(told.json()["results"])
