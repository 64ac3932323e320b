"""Search over MariaDB's own index finds what the one of SQLite finds."""

from __future__ import annotations

from tests.processes import App, Person
from tests.standins.ollama_script import Script

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
