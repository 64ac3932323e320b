"""Server time and queries of what people wait for in chats: `python3 start.py bench chats`.

One person with 10,000 chats and 100,000 messages, 1,000 of them in one chat, beside a neighbour with
a tenth of that. Each page is asked for inside a process of the app, beside the bare query that it cannot do
without, in the same run; then over HTTP, beside an empty answer. Prints a Markdown table and writes it
to build/bench-chats.md.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import requests

from bench import chats_stream
from bench.processes import ROOT
from tests.processes import App, Person, running_app

CHATS, MESSAGES, LONG = 10_000, 100_000, 1_000
ROUNDS = 15
REPORT = ROOT / "build" / "bench-chats.md"
COLUMNS = ("what", "server, median", "aim", "queries", "x the bare query", "over HTTP", "x an empty answer")

FILL = """
import random
from datetime import timedelta
from django.utils import timezone
from chats.models import Chat, Message
random.seed(5)
SYLLABLES = "ко ра ви до ме ну ста при лу го те ни ши бро ска ель".split()
WORDS = ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(20000)]
WEIGHTS = [1 / (n + 5) for n in range(20000)]
now = timezone.now()

def said(words):
    return " ".join(random.choices(WORDS, WEIGHTS, k=words))

def fill(user, chats, messages, long):
    made = Chat.objects.bulk_create([
        Chat(user_id=user, title=said(4)[:100], updated_at=now - timedelta(minutes=n))
        for n in range(chats)
    ], batch_size=500)
    rows = [
        Message(chat=made[1 + n % (chats - 1)], author_id=user, role="user", content=said(40))
        for n in range(messages - long)
    ]
    Message.objects.bulk_create(rows, batch_size=500)
    last = None
    for n in range(long):
        last = Message.objects.create(
            chat=made[0], author_id=user, parent=last, role=("user", "assistant")[n % 2],
            content=said(120) + "\\n\\n- **" + said(3) + "**\\n- `" + said(2) + "`",
            model_name="smollm2:135m",
        )
    Chat.objects.filter(pk=made[0].pk).update(leaf=last)
    return made[0].pk

fill({neighbour}, {chats} // 10, {messages} // 10, 0)
print(fill({user}, {chats}, {messages}, {long}))
"""

SERVER = """
import json, statistics, time
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from chats.finding import sqlite, words
client = Client()
client.cookies["sessionid"] = "{session}"

def timed(act):
    act()
    spent = []
    for _ in range({rounds}):
        begun = time.perf_counter()
        act()
        spent.append((time.perf_counter() - begun) * 1000)
    return spent

def ask(path, headers):
    answer = client.get(path, headers=headers, HTTP_HOST="127.0.0.1")
    assert answer.status_code == 200, answer
    return answer

def bare(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()

told = []
for path, headers, sql, values in json.loads({asked!r}):
    if sql == "match":
        sql = ("SELECT rowid FROM chats_message_words WHERE chats_message_words MATCH %s"
               " ORDER BY rowid DESC LIMIT 31")
        values = [sqlite.match({user}, words.parse(values[0]))]
    spent, direct = timed(lambda: ask(path, headers)), timed(lambda: bare(sql, values))
    with CaptureQueriesContext(connection) as queries:
        ask(path, headers)
    told.append([spent, direct, len(queries)])
print(json.dumps(told))
"""
LIST = (
    "SELECT id, title, updated_at FROM chats_chat WHERE user_id = %s AND deleted_at IS NULL"
    " AND archived_at IS NULL ORDER BY updated_at DESC LIMIT 100"
)
ROWS = "SELECT id, parent_id, deleted_at, role, content, html FROM chats_message WHERE chat_id = %s"
QUERIES = {
    "a word that many hold": "ко",
    "a word, its beginning": "стара",
    "two words": "ко рави",
    "a phrase": '"ко ко"',
    "what nobody wrote": "абракадабра",
}


Part = tuple[str, str, str, dict[str, str], str, list[Any]]


def parts(chat: int, user: int) -> list[Part]:
    """Return (what, aim, path, headers, the bare query, its values) of each part."""
    fragment = {"HX-Request": "true"}
    found: list[Part] = [
        (f"the sidebar's list at {CHATS:,} chats", "15 ms", "/chats/list/", fragment, LIST, [user]),
        (f"opening a chat of {LONG:,} messages", "80 ms", f"/chats/{chat}/", {}, ROWS, [chat]),
    ]
    for what, query in QUERIES.items():
        name = f"search over {MESSAGES:,} messages: {what}"
        found.append((name, "50 ms", f"/search/?q={query}", fragment, "match", [query]))
    return found


def milliseconds(spent: list[float]) -> str:
    """Return the median and the worst."""
    return f"{statistics.median(spent):.1f} ms (worst {max(spent):.1f})"


def over_http(app: App, person: Person) -> Callable[[str, dict[str, str]], list[float]]:
    """Return what asks for a page as a browser does, and returns the milliseconds of each round."""
    browser = requests.Session()
    browser.cookies.set("sessionid", person.session)

    def ask(path: str, headers: dict[str, str]) -> list[float]:
        spent = []
        for _ in range(ROUNDS + 1):
            begun = time.perf_counter()
            answer = browser.get(app.url + path, headers=headers, timeout=60)
            spent.append((time.perf_counter() - begun) * 1000)
            answer.raise_for_status()
        return spent[1:]

    return ask


def measure(app: App) -> list[tuple[str, ...]]:
    """Return the table's rows."""
    person, neighbour = app.person("anna"), app.person("boris")
    sizes = {"chats": CHATS, "messages": MESSAGES, "long": LONG}
    filling = FILL.format(user=person.pk, neighbour=neighbour.pk, **sizes)
    chat = int(app.manage("shell", "--no-imports", "-c", filling).split()[-1])
    wanted = parts(chat, person.pk)
    asked = json.dumps([part[2:] for part in wanted])
    script = SERVER.format(session=person.session, rounds=ROUNDS, asked=asked, user=person.pk)
    told = json.loads(app.manage("shell", "--no-imports", "-c", script).splitlines()[-1])
    ask = over_http(app, person)
    empty = statistics.median(ask("/livez", {}))
    rows: list[tuple[str, ...]] = []
    for (what, aim, path, headers, *_), (spent, direct, queries) in zip(wanted, told, strict=True):
        ours, through = statistics.median(spent), ask(path, headers)
        ratio, http = f"{ours / statistics.median(direct):.1f}", f"{statistics.median(through) / empty:.1f}"
        rows.append((what, milliseconds(spent), aim, str(queries), ratio, milliseconds(through), http))
    return rows


def main() -> None:
    """Measure all of it and print the table."""
    with running_app(SWEEP_INTERVAL="5") as app:
        rows: list[tuple[str, ...]] = [COLUMNS, ("---",) * len(COLUMNS), *measure(app)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(table + "\n", encoding="utf-8")
    print(table + "\n")
    chats_stream.main()


if __name__ == "__main__":
    main()
