"""The admin's pages at 100,000 rows: `python3 start.py bench admin`.

1,000 people, 100,000 chats, answers, ledger rows and audit entries. Each page is asked for inside
a process of the app, beside the bare query of one page of its rows, in the same run. Prints a
Markdown table and writes it to build/bench-admin.md.
"""

from __future__ import annotations

import json

from bench.processes import ROOT
from tests.processes import running_app

PEOPLE, ROWS, ROUNDS = 1_000, 100_000, 9
REPORT = ROOT / "build" / "bench-admin.md"
COLUMNS = ("page", "median, ms", "queries", "x 50 bare rows")
PAGES = {
    "people": "/admin/accounts/user/",
    "one of the people": "/admin/accounts/user/{user}/change/",
    "chats": "/admin/chats/chat/",
    "answers": "/admin/chats/message/",
    "audit log": "/admin/accounts/auditentry/",
    "search in the audit log": "/admin/accounts/auditentry/?q=user.blocked",
    "dashboard": "/admin/dashboard/",
}

FILL = """
import random
from datetime import timedelta
from django.utils import timezone
from accounts.models import AuditEntry, Usage, User
from chats.models import Chat, Message
random.seed(6)
now = timezone.now()
User.objects.bulk_create([User(username=f"p{{n}}", password="!") for n in range({people})], batch_size=500)
users = list(User.objects.values_list("pk", flat=True))
ago = lambda n: now - timedelta(seconds=26 * n)
rows = range({rows})
chats = Chat.objects.bulk_create(
    [Chat(user_id=users[n % len(users)], updated_at=ago(n)) for n in rows], batch_size=500)
Message.objects.bulk_create([Message(chat=chats[n], author_id=chats[n].user_id, role="assistant",
    status="complete", model_name="smollm2:135m") for n in rows], batch_size=500)
Usage.objects.bulk_create([Usage(user_id=users[n % len(users)], amount=7, at=ago(n),
    kind=("gpu", "picture")[n % 2]) for n in rows], batch_size=500)
AuditEntry.objects.bulk_create([AuditEntry(actor_name="admin", target="p", at=ago(n),
    action=("user.blocked", "key.made")[n % 2]) for n in rows], batch_size=500)
"""

SERVER = """
import json, statistics, time
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from accounts.models import AuditEntry
client = Client()
client.cookies["sessionid"] = "{session}"

def timed(act):
    act()
    spent = []
    for _ in range({rounds}):
        begun = time.perf_counter()
        act()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000

bare = timed(lambda: list(AuditEntry.objects.order_by("-pk")[:50]))
found = {{}}
for name, path in {pages}.items():
    def get():
        response = client.get(path, headers={{"host": "localhost"}})
        assert response.status_code == 200, (path, response.status_code)
    spent = timed(get)
    with CaptureQueriesContext(connection) as asked:
        get()
    found[name] = [spent, len(asked), spent / bare]
print(json.dumps(found))
"""


def main() -> None:
    """Measure, print and write the table."""
    with running_app() as app:
        admin = app.person("admin", role="admin")
        app.manage("shell", "--no-imports", "-c", FILL.format(people=PEOPLE, rows=ROWS))
        pages = {name: path.format(user=2) for name, path in PAGES.items()}
        code = SERVER.format(session=admin.session, rounds=ROUNDS, pages=pages)
        found = json.loads(app.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1])
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {spent:.0f} | {queries} | {ratio:.0f} |"
        for name, (spent, queries, ratio) in found.items()
    ]
    told = "\n".join(lines)
    print(told)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(told + "\n")


if __name__ == "__main__":
    main()
