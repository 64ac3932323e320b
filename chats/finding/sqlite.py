"""The index in SQLite: FTS5 without a copy of the texts, kept in step by triggers on the tables.

No code path can forget it. An answer is indexed when it has ended: while it grows, its row is
written every second. A column of its own names the owner, so that what others wrote costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from chats.finding.words import Term

NEWEST = 2**62


@dataclass(frozen=True)
class Index:
    """A table whose column is searched; `only` is a test for the rows that are, over {row}."""

    table: str
    column: str
    owner: str
    only: str

    @property
    def name(self) -> str:
        return f"{self.table}_words"

    @property
    def triggers(self) -> tuple[str, ...]:
        return tuple(f"{self.name}_{event}" for event in ("insert", "delete", "update"))


MESSAGES = Index("chats_message", "content", "author_id", "{row}.live_in_id IS NULL AND {row}.content <> ''")
TITLES = Index("chats_chat", "title", "user_id", "{row}.title <> ''")
INDEXES = (MESSAGES, TITLES)

CREATE = """
CREATE VIRTUAL TABLE {name} USING fts5(
    owner, words, content='', tokenize='unicode61 remove_diacritics 2', prefix='2 3'
)
"""
FILL = "INSERT INTO {name}(rowid, owner, words) SELECT {row_values} FROM {table} AS row WHERE {row_only}"
ADD = "INSERT INTO {name}(rowid, owner, words) SELECT {new_values} WHERE {new_only};"
TAKE = "INSERT INTO {name}({name}, rowid, owner, words) SELECT 'delete', {old_values} WHERE {old_only};"
TRIGGERS = (
    "CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN " + ADD + " END",
    "CREATE TRIGGER {name}_delete AFTER DELETE ON {table} BEGIN " + TAKE + " END",
    "CREATE TRIGGER {name}_update AFTER UPDATE ON {table}"
    " WHEN ({old_values}, {old_only}) IS NOT ({new_values}, {new_only}) BEGIN " + TAKE + " " + ADD + " END",
)
PARTS = "SELECT name FROM sqlite_master WHERE name IN ({names})"


def install() -> None:
    """Make the indexes of what is there, and the triggers."""
    for index in INDEXES:
        named = _names(index)
        _run(CREATE.format(**named), FILL.format(**named), *(sql.format(**named) for sql in TRIGGERS))


def uninstall() -> None:
    """Take away the indexes and the triggers, as far as they are there."""
    for index in INDEXES:
        drops = [f"DROP TRIGGER IF EXISTS {name}" for name in index.triggers]
        _run(*drops, f"DROP TABLE IF EXISTS {index.name}")


def is_damaged() -> bool:
    """Return whether triggers are missing: a migration that makes a table anew loses them."""
    names = [name for index in INDEXES for name in (index.name, *index.triggers)]
    with connection.cursor() as cursor:
        cursor.execute(PARTS.format(names=", ".join(f"'{name}'" for name in names)))
        return 0 < len(cursor.fetchall()) < len(names)


def find_messages(user_id: int, terms: Sequence[Term], *, before: int | None, most: int) -> list[int]:
    """Return the ids of the user's messages that hold all terms, newest first."""
    return _ids(
        "SELECT m.id FROM chats_message_words CROSS JOIN chats_message m ON m.id = chats_message_words.rowid"
        " CROSS JOIN chats_chat c ON c.id = m.chat_id WHERE chats_message_words MATCH %s"
        " AND chats_message_words.rowid < %s AND c.user_id = %s AND c.deleted_at IS NULL"
        " AND m.deleted_at IS NULL ORDER BY chats_message_words.rowid DESC LIMIT %s",
        [match(user_id, terms), before or NEWEST, user_id, most],
    )


def find_chats(user_id: int, terms: Sequence[Term], *, most: int) -> list[int]:
    """Return the ids of the user's chats whose titles hold all terms, newest first."""
    return _ids(
        "SELECT c.id FROM chats_chat_words CROSS JOIN chats_chat c ON c.id = chats_chat_words.rowid"
        " WHERE chats_chat_words MATCH %s AND c.user_id = %s AND c.deleted_at IS NULL"
        " ORDER BY chats_chat_words.rowid DESC LIMIT %s",
        [match(user_id, terms), user_id, most],
    )


def match(user_id: int, terms: Sequence[Term]) -> str:
    """Return the terms in FTS5's language: words are letters and digits alone, and quoted."""
    wanted = " AND ".join(_wanted(term) for term in terms)
    return f'owner : "u{user_id}" AND words : ({wanted})'


def _wanted(term: Term) -> str:
    words = f'"{" ".join(term.words)}"{"*" if term.prefix else ""}'
    forms = [f'"{form}"' for form in term.forms]
    return f"({' OR '.join([words, *forms])})"


def _names(index: Index) -> dict[str, str]:
    names = {"name": index.name, "table": index.table}
    for row in ("old", "new", "row"):
        words = f"replace(replace({row}.{index.column}, 'ё', 'е'), 'Ё', 'Е')"
        names[f"{row}_values"] = f"{row}.id, 'u' || {row}.{index.owner}, {words}"
        names[f"{row}_only"] = index.only.format(row=row)
    return names


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _ids(sql: str, values: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
