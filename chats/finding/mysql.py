"""The index in MySQL and MariaDB: FULLTEXT, which the server keeps in step; the collation has е and ё alike.

It has no words under three letters and none of its stop list; those, and phrases, are looked for in the
rows that the others have found. An underscore is a letter to it: `num_ctx` is one word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from chats.finding.words import Term

COLUMNS = (("chats_message", "content"), ("chats_chat", "title"))
LEAST, MOST = 3, 84  # letters of the words in the index: innodb_ft_min_token_size and -max-
STOPPED = frozenset((
    "a", "about", "an", "are", "as", "at", "be", "by", "com", "de", "en", "for", "from", "how", "i", "in",
    "is", "it", "la", "of", "on", "or", "that", "the", "this", "to", "was", "what", "when", "where", "who",
    "will", "with", "und", "www",
))  # fmt: skip
"""INFORMATION_SCHEMA.INNODB_FT_DEFAULT_STOPWORD."""
BORDER = r"[\p{L}\p{N}]"
NEWEST = 2**62
OF_MESSAGES = (
    "SELECT m.id FROM chats_message m JOIN chats_chat c ON c.id = m.chat_id"
    " WHERE {holding} AND m.id < %s AND c.user_id = %s AND m.live_in_id IS NULL"
    " AND c.deleted_at IS NULL AND m.deleted_at IS NULL ORDER BY m.id DESC LIMIT %s"
)
OF_CHATS = (
    "SELECT c.id FROM chats_chat c WHERE {holding} AND c.user_id = %s AND c.deleted_at IS NULL"
    " ORDER BY c.id DESC LIMIT %s"
)


def install() -> None:
    """Make the indexes of what is there."""
    with connection.cursor() as cursor:
        for table, column in COLUMNS:
            cursor.execute(f"CREATE FULLTEXT INDEX {table}_words ON {table} ({column})")


def uninstall() -> None:
    """Take away the indexes."""
    with connection.cursor() as cursor:
        for table, _column in COLUMNS:
            cursor.execute(f"DROP INDEX {table}_words ON {table}")


def is_damaged() -> bool:
    """Return False: altering a table leaves its indexes alone here."""
    return False


def find_messages(user_id: int, terms: Sequence[Term], *, before: int | None, most: int) -> list[int]:
    """Return the ids of the user's messages that hold all terms, newest first."""
    holding, values = _holding("m.content", terms)
    return _ids(OF_MESSAGES.format(holding=holding), [*values, before or NEWEST, user_id, most])


def find_chats(user_id: int, terms: Sequence[Term], *, most: int) -> list[int]:
    """Return the ids of the user's chats whose titles hold all terms, newest first."""
    holding, values = _holding("c.title", terms)
    return _ids(OF_CHATS.format(holding=holding), [*values, user_id, most])


def match(terms: Sequence[Term]) -> str:
    """Return what the index can tell of the terms, in the boolean language; "" when it is nothing."""
    asked = ((_indexed(term), [form for form in term.forms if len(form) >= LEAST]) for term in terms)
    return " ".join(
        f"+({' '.join([word, *forms])})" if forms else f"+{word}" for word, forms in asked if word
    )


def _holding(column: str, terms: Sequence[Term]) -> tuple[str, list[str]]:
    asked = match(terms)
    tests = [f"MATCH ({column}) AGAINST (%s IN BOOLEAN MODE)"] if asked else []
    rest = [_pattern(term) for term in terms if len(term.words) > 1 or not _indexed(term)]
    return " AND ".join([*tests, *[f"{column} REGEXP %s"] * len(rest)]), ([asked] if asked else []) + rest


def _indexed(term: Term) -> str:
    """Return a term's first word if the index has it, with a star if it may go on there."""
    word = term.words[0]
    if not LEAST <= len(word) <= MOST or word in STOPPED:
        return ""
    return f"{word}*" if term.prefix or len(term.words) > 1 else word


def _pattern(term: Term) -> str:
    words = r"[^\p{L}\p{N}]+".join(term.words) + (rf"{BORDER}*" if term.prefix else "")
    ways = "|".join([words, *term.forms]).replace("е", "[её]")
    return rf"(?i)(?<!{BORDER})({ways})(?!{BORDER})"


def _ids(sql: str, values: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
