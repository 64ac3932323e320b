"""copydb brings everything from SQLite to MariaDB and back, proves it, and never mixes two databases."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import MySQLdb
import pytest

from launch.ports import free_port
from tests.processes import ROOT

FURNISH = ROOT / "tests" / "databases" / "furnish.py"
OF_SQLITE = re.compile(r"sqlite_|.*_words|django_migrations")
FIND = """
from accounts.models import User
from chats.finding import search
from chats.models import Chat
chat = Chat.objects.get()
found = search.find(User.objects.get(username="анна"), "лисица").messages[0]
print(found.message.pk, chat.leaf_id, chat.running_message.pk)
"""


def manage(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py over a data folder, with nothing of the tests' own environment."""
    secret = "a key that only the tests know, fifty letters long."
    redis = f"redis://127.0.0.1:{free_port()}/0"
    kept = {"PATH": os.environ["PATH"], "DJANGO_SECRET_KEY": secret, "REDIS_URL": redis}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, "OLLAMA_CHAT_DATA": str(folder), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def rows(path: Path) -> dict[str, list[Any]]:
    """Return every row of an SQLite file, read without any code of the app."""
    with sqlite3.connect(path) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        told = {
            table: sorted(file.execute(f'SELECT * FROM "{table}"').fetchall(), key=repr)
            for table in tables
            if not OF_SQLITE.match(table)
        }
    file.close()
    return told


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database holds what real ones hold."""
    folder = tmp_path_factory.mktemp("source")
    assert manage(folder, "migrate", "--verbosity", "0").returncode == 0
    furnished = manage(folder, "shell", "--no-imports", "-c", FURNISH.read_text(encoding="utf-8"))
    assert furnished.returncode == 0, furnished.stderr
    return folder


def test_there_and_back_again_nothing_is_lost(source: Path, tmp_path: Path, mariadb: dict[str, str]) -> None:
    settings = mariadb | {"DB_NAME": "copied"}
    _create(settings).close()
    address = f"mysql://oc@127.0.0.1:{mariadb['DB_PORT']}/copied"
    there = manage(source, "copydb", "--to", address, COPYDB_PASSWORD="oc")
    assert there.returncode == 0, there.stderr
    assert re.search(r"^chats_message +451 [0-9a-f]{16}$", there.stdout, re.MULTILINE)
    found = manage(source, "shell", "--no-imports", "-c", FIND, **settings)
    assert found.stdout.split() == ["450", "451", "451"], found.stderr

    back = tmp_path / "back.sqlite3"
    again = manage(source, "copydb", "--from", address, "--to", f"sqlite:///{back}", COPYDB_PASSWORD="oc")
    assert again.returncode == 0, again.stderr
    assert again.stdout == there.stdout
    before, after = rows(source / "db.sqlite3"), rows(back)
    assert before.keys() == after.keys()
    for table, there_rows in before.items():
        assert there_rows == after[table], table

    refused = manage(source, "copydb", "--to", address, COPYDB_PASSWORD="oc")
    assert refused.returncode == 1
    assert "The target is not empty" in refused.stderr
    wrong = manage(source, "copydb", "--to", address, COPYDB_PASSWORD="wrong")
    assert "The database says:" in wrong.stderr


def test_what_does_not_fit_stops_the_copy_and_leaves_nothing(
    source: Path, tmp_path: Path, mariadb: dict[str, str]
) -> None:
    settings = mariadb | {"DB_NAME": "halfway"}
    server = _create(settings)
    shutil.copy(source / "db.sqlite3", tmp_path)
    with sqlite3.connect(tmp_path / "db.sqlite3") as file:  # SQLite minds no length
        file.execute("UPDATE imaging_generatedimage SET seed = ?", ["9" * 300])
    file.close()
    address = f"mysql://oc:oc@127.0.0.1:{mariadb['DB_PORT']}/halfway"
    failed = manage(tmp_path, "copydb", "--to", address)
    assert failed.returncode == 1
    assert "Data too long" in failed.stderr
    cursor = server.cursor()
    cursor.execute("SELECT COUNT(*) FROM halfway.chats_message")
    assert cursor.fetchone() == (0,)
    server.close()


def _create(settings: dict[str, str]) -> Any:
    """Make the database; return a connection to its server."""
    server = MySQLdb.connect(host="127.0.0.1", port=int(settings["DB_PORT"]), user="oc", passwd="oc")
    server.cursor().execute(f"CREATE DATABASE {settings['DB_NAME']} CHARACTER SET utf8mb4")
    return server


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("sqlite:///{source}/db.sqlite3", "Both are the same database."),
        ("postgres://box/chat", "is neither"),
        ("mysql://box", "is neither"),
    ],
)
def test_an_impossible_target_is_refused(source: Path, address: str, said: str) -> None:
    refused = manage(source, "copydb", "--to", address.format(source=source))
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_old_source_is_refused_and_nothing_is_made(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.sqlite3"
    for path, said in (
        (tmp_path / "none.sqlite3", "There is no file"),
        (tmp_path / "old.sqlite3", "migrate"),
    ):
        if "old" in path.name:
            sqlite3.connect(path).close()
            path.touch()
        refused = manage(source, "copydb", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{target}")
        assert said in refused.stderr, refused.stderr
    assert not target.exists() or not rows(target)
