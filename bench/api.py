"""The JSON API and the door for other tools: `python3 start.py bench api`.

Over SQLite and over a private MariaDB: `GET /api/chats` (50 of 10,000) and one chat of 200 messages,
inside a process of the app beside its bare query, then over HTTP by several at once beside an empty
answer. Then a stream of `/v1/chat/completions` beside the same stream straight from the scripted
Ollama. Prints Markdown tables and writes them to build/bench-api.md.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from bench.processes import MODEL, ROOT
from tests.databases.mariadb import running_mariadb
from tests.processes import App, Person, running_app
from tests.standins.ollama_script import Script

CHATS, LONG, PAGE, ROUNDS = 10_000, 200, 50, 15
HANDS, SECONDS = 4, 5.0  # clients at once, and for how long they ask
TOKENS, STREAMS = 200, 5
REPORT = ROOT / "build" / "bench-api.md"
COLUMNS = (
    "database", "what", "server, median", "queries", "x the bare query",
    "requests/s", "p95", "x an empty answer",
)  # fmt: skip

FILL = """
from datetime import timedelta
from django.utils import timezone
from chats.models import Chat, Message
now = timezone.now()
made = Chat.objects.bulk_create([
    Chat(user_id={user}, title=f"Chat {{n}}", updated_at=now - timedelta(minutes=n)) for n in range({chats})
], batch_size=500)
chat, last = Chat.objects.filter(user_id={user}).latest("updated_at"), None
for n in range({long}):
    last = Message.objects.create(chat=chat, author_id={user}, parent=last, role=("user", "assistant")[n % 2],
        content="Words of a message. " * 20, model_name="smollm2:135m")
Chat.objects.filter(pk=chat.pk).update(leaf=last)
print(chat.pk)
"""

SERVER = """
import json, statistics, time
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
client = Client(headers={{"authorization": "Bearer {token}", "host": "127.0.0.1"}})

def timed(act):
    act()
    spent = []
    for _ in range({rounds}):
        begun = time.perf_counter()
        act()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)

def bare(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.fetchall()

told = []
for path, sql, values in json.loads({asked!r}):
    assert client.get(path).status_code == 200, path
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    asked_for = len(queries)
    told.append([timed(lambda: client.get(path)), asked_for, timed(lambda: bare(sql, values))])
print(json.dumps(told))
"""
LIST = "SELECT * FROM chats_chat WHERE user_id = %s AND deleted_at IS NULL ORDER BY updated_at DESC LIMIT 50"
ROWS = "SELECT * FROM chats_message WHERE chat_id = %s"


def rows_of(database: str, app: App) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows of one database."""
    person = app.person("anna")
    chat = int(app.manage("shell", "-c", FILL.format(user=person.pk, chats=CHATS, long=LONG)).split()[-1])
    parts: list[tuple[str, str, str, list[Any]]] = [
        (f"{PAGE} of {CHATS:,} chats", f"/api/chats?page_size={PAGE}", LIST, [person.pk]),
        (f"a chat of {LONG} messages", f"/api/chats/{chat}", ROWS, [chat]),
    ]
    script = SERVER.format(token=person.token, rounds=ROUNDS, asked=json.dumps([part[1:] for part in parts]))
    told = json.loads(app.manage("shell", "--no-imports", "-c", script).splitlines()[-1])
    empty, _p95 = flood(app, person, "/livez")
    for (what, path, *_bare), (spent, queries, direct) in zip(parts, told, strict=True):
        rate, p95 = flood(app, person, path)
        yield (
            database, what, f"{spent:.1f} ms", str(queries), f"{spent / direct:.1f}",
            f"{rate:.0f}", f"{p95:.0f} ms", f"{empty / rate:.1f}",
        )  # fmt: skip


def flood(app: App, person: Person, path: str) -> tuple[float, float]:
    """Return requests a second and the 95th percentile in ms while HANDS clients ask as fast as they can."""
    spent: list[float] = []
    until = time.monotonic() + SECONDS

    def ask() -> None:
        with requests.Session() as client:
            client.headers["Authorization"] = f"Bearer {person.token}"
            while time.monotonic() < until:
                begun = time.perf_counter()
                client.get(app.url + path, timeout=30).raise_for_status()
                spent.append((time.perf_counter() - begun) * 1000)

    hands = [threading.Thread(target=ask) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    return len(spent) / SECONDS, statistics.quantiles(spent, n=20)[-1]


def streams(app: App) -> list[tuple[str, ...]]:
    """Return what `/v1` adds to a stream: to its first token, and to each one after."""
    person = app.person("boris")
    app.ollama.default = Script(timed=True, count=TOKENS, rate=50)
    direct = [listen(f"{app.ollama.url}/api/chat", {}, _from_ollama) for _ in range(STREAMS)]
    headers = {"Authorization": f"Bearer {person.token}"}
    ours = [listen(f"{app.url}/v1/chat/completions", headers, _from_v1) for _ in range(STREAMS)]
    first = [statistics.median(one[0] for one in side) for side in (direct, ours)]
    lags = [sorted(lag for _first, each in side for lag in each) for side in (direct, ours)]
    rows: list[tuple[str, ...]] = [("", "direct", "through `/v1`", "added"), ("---",) * 4]
    rows.append(
        ("first token, median", *(f"{value:.1f} ms" for value in first), f"{first[1] - first[0]:.1f} ms")
    )
    for name, share in (("a token, p50", 0.5), ("a token, p95", 0.95)):
        each = [side[int(share * (len(side) - 1))] for side in lags]
        rows.append((name, *(f"{value:.2f} ms" for value in each), f"{each[1] - each[0]:.2f} ms"))
    return rows


def listen(url: str, headers: dict[str, str], read: Callable[[bytes], str]) -> tuple[float, list[float]]:
    """Return ms to the first token, and each token's lag behind the moment at which it was sent."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "bench"}], "stream": True}
    begun, first, lags = time.time(), 0.0, []
    with requests.post(url, json=body, headers=headers, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines(chunk_size=1):
            for moment in read(line).split():
                now = time.time()
                first = first or (now - begun) * 1000
                lags.append((now - float(moment)) * 1000)
    assert len(lags) == TOKENS, "a token is missing"
    return first, lags


def _from_ollama(line: bytes) -> str:
    event = json.loads(line) if line else {}
    return str((event.get("message") or {}).get("content") or "")


def _from_v1(line: bytes) -> str:
    if not line.startswith(b"data: {"):
        return ""
    choices = json.loads(line.removeprefix(b"data: ")).get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or "")


def table(rows: list[tuple[str, ...]]) -> str:
    """Return the rows as Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Measure all of it and print the tables."""
    rows: list[tuple[str, ...]] = [COLUMNS, ("---",) * len(COLUMNS)]
    with running_app() as app:
        rows += rows_of("SQLite", app)
        streamed = table(streams(app))
    with running_mariadb() as settings, running_app(**settings) as app:
        rows += rows_of("MariaDB", app)
    told = f"{table(rows)}\n\n{streamed}\n"
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(told, encoding="utf-8")
    print(told)


if __name__ == "__main__":
    main()
