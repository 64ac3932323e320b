"""An export comes back whole, as often as one likes; anything else is refused and leaves nothing behind."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import AppError
from accounts.models import User
from chats import importing
from chats.exporting.archive import write_zip
from chats.exporting.document import write_json
from chats.finding import search
from chats.models import Chat, Message
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30)


def exported(*chats: Chat) -> bytes:
    """Return the chats as a JSON file, as they are in the database now."""
    return "".join(
        write_json(Chat.objects.filter(pk__in=[chat.pk for chat in chats]).order_by("pk"))
    ).encode()


def told(*chats: Chat) -> list[dict[str, Any]]:
    """Return what the export says of the chats."""
    return list(json.loads(exported(*chats))["chats"])


def bring(user: User, data: bytes | str | dict[str, Any]) -> list[Chat]:
    """Import a document for the user."""
    text = json.dumps(data) if isinstance(data, dict) else data
    return importing.import_file(user, io.BytesIO(text.encode() if isinstance(text, str) else text))


def grown(user: User, rows: list[tuple[int, str, bool]], leaf: int = -1) -> Chat:
    """Return a chat with a message for each (parent's place, words, deleted); a place behind it is a root."""
    chat = Chat.objects.create(user=user, title="Дерево", updated_at=LONG_AGO + timedelta(days=3))
    written: list[Message] = []
    for place, words, gone in rows:
        parent = written[place] if place < len(written) else None
        row = Message.objects.create(chat=chat, author=user, parent=parent, content=words, role="user")
        Message.objects.filter(pk=row.pk).update(
            created_at=LONG_AGO + timedelta(minutes=len(written)), deleted_at=LONG_AGO if gone else None
        )
        written.append(row)
    chat.leaf = written[leaf] if written else None
    chat.save()
    return chat


def rich(user: User) -> Chat:
    """Return a chat that has something in every field."""
    chat = grown(user, [(9, "Вопрос?", False), (0, "Ответ **один**", False), (0, "Ответ 2", False)])
    Chat.objects.filter(pk=chat.pk).update(
        titled_by="person", model_name="smollm2:135m", system_prompt="Be kind.", draft="half a",
        options={"temperature": 0.5, "seed": 7, "think": "low"}, created_at=LONG_AGO,
        pinned_at=LONG_AGO + timedelta(hours=1), archived_at=LONG_AGO + timedelta(hours=2),
    )  # fmt: skip
    Message.objects.filter(content__startswith="Ответ").update(
        role="assistant", status="failed", thinking="hm", model_name="m:1", error_code="service_down",
        error_about={"url": "http://x"}, numbers={"tokens": 7, "speed": 1.5, "done_reason": "length"},
        search={"mode": "on", "queries": ["a", "b"]}, started_at=LONG_AGO, finished_at=LONG_AGO,
        edited_at=LONG_AGO,
        sources=[{"n": 1, "title": "T", "url": "https://example.org/", "text": "words"}],
    )  # fmt: skip
    return chat


@pytest.mark.sqlite
def test_a_chat_comes_back_whole_and_twice_is_two_copies(alice: User) -> None:
    chat = rich(alice)
    document = exported(chat)
    [first], [second] = bring(alice, document), bring(alice, document)
    assert told(first) == told(second) == told(chat)
    assert told(chat)[0]["messages"][2]["sources"][0]["url"] == "https://example.org/"
    assert len({chat.pk, first.pk, second.pk}) == 3
    assert Chat.objects.visible_to(alice).count() == 3
    assert len(search.find(alice, "вопрос").messages) == 3


def test_somebody_elses_export_becomes_ones_own(alice: User, bob: User) -> None:
    [chat] = bring(bob, exported(rich(alice)))
    assert chat.user == bob
    assert set(Message.objects.filter(chat=chat).values_list("author", flat=True)) == {bob.pk}
    page = signed_in(bob).get(chat.get_absolute_url())
    assert page.status_code == 200
    assert "Ответ 2" in page.content.decode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 9), TEXT, st.booleans()), max_size=12), leaf=st.integers(0, 11))
def test_any_tree_comes_back_as_it_was(alice: User, rows: list[tuple[int, str, bool]], leaf: int) -> None:
    chat = grown(alice, rows, leaf % max(1, len(rows)))
    before = told(chat)
    [after] = bring(alice, exported(chat))
    assert told(after) == before
    assert len(before[0]["messages"]) == sum(not gone for _place, _words, gone in rows)


def test_a_zip_of_everything_comes_back_whole(alice: User, bob: User) -> None:
    chats = [rich(alice), grown(alice, [(9, "x", False)]), grown(alice, [])]
    mine = Chat.objects.visible_to(alice).order_by("pk")
    brought = bring(bob, b"".join(write_zip(mine)))
    assert told(*brought) == told(*chats)


def small(**changes: Any) -> dict[str, Any]:
    """Return a document with one message, changed at `path` names like `message__role`."""
    message: dict[str, Any] = {"ref": 1, "parent": None, "role": "user", "content": "hello"}
    chat: dict[str, Any] = {"title": "t", "leaf": 1, "messages": [message]}
    document: dict[str, Any] = {"format": "ollama-chat", "version": 1, "chats": [chat]}
    for name, value in changes.items():
        owner, _, field = name.partition("__")
        owners = {"message": message, "chat": chat, "document": document}
        owners[owner][field] = value
    return document


def test_the_smallest_document_is_enough(alice: User) -> None:
    [chat] = bring(alice, small())
    assert (chat.title, chat.leaf.content if chat.leaf else "") == ("t", "hello")
    assert chat.deleted_at is not None or Chat.objects.visible_to(alice).filter(pk=chat.pk).exists()


MESSAGE = {"ref": 1, "parent": None, "role": "user", "content": "hello"}
HOSTILE: list[dict[str, Any]] = [
    {"document__format": "other"}, {"document__version": 2}, {"document__chats": {}},
    {"document__chats": [7]},
    {"document__chats": []}, {"chat__title": 7}, {"chat__title": "x" * 121}, {"chat__leaf": 2},
    {"chat__leaf": True}, {"chat__leaf": [1]}, {"chat__messages": "x"}, {"chat__messages": [None]},
    {"chat__messages": [MESSAGE, MESSAGE]}, {"chat__titled_by": "me"}, {"chat__options": {"top_k": "many"}},
    {"chat__options": []}, {"chat__updated_at": "yesterday"}, {"chat__updated_at": "2024-13-45T00:00:00Z"},
    {"chat__updated_at": "2024-01-01T00:00:00"}, {"chat__created_at": 5},
    {"chat__created_at": "0001-01-01T00:00:00Z"}, {"message__role": "system"}, {"message__role": ["user"]},
    {"message__kind": "virus"}, {"message__status": "streaming"}, {"message__status": "queued"},
    {"message__content": None}, {"message__content": "x" * 1_000_001}, {"message__parent": 1},
    {"message__parent": "1"}, {"message__parent": 99}, {"message__ref": 0}, {"message__ref": 1.5},
    {"message__ref": 10**400}, {"message__numbers": [1]}, {"message__numbers": {"tokens": 10**300}},
    {"message__search": {"a": {"b": {"c": {"d": 1}}}}}, {"message__error_about": {"url": "x" * 5000}},
    {"message__sources": [{"n": 1, "url": "javascript:alert(1)"}]}, {"message__sources": [{"n": "1"}]},
    {"message__sources": [{}] * 101}, {"message__parts": []}, {"message__model_name": "m" * 191},
    {"message__finished_at": "soon"},
]  # fmt: skip


@pytest.mark.parametrize("changes", HOSTILE, ids=str)
def test_what_is_not_as_it_should_be_is_refused_whole(alice: User, changes: dict[str, Any]) -> None:
    document = small(**copy.deepcopy(changes))
    if isinstance(document["chats"], list) and document["chats"]:
        document["chats"] = [small()["chats"][0], *document["chats"]]
    with pytest.raises(AppError) as refused:
        bring(alice, document)
    assert refused.value.status in {400, 413}
    assert str(refused.value)
    assert not Chat.objects.exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"[]", b"7", b"null", b'"format"', b"{", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 100_000,
     b'{"format": NaN}', b'{"version": ' + b"9" * 5000 + b"}", b"PK\x03\x04garbage",
     b"PK\x05\x06" + b"\0" * 18],
)  # fmt: skip
def test_what_is_no_document_is_refused(alice: User, data: bytes) -> None:
    with pytest.raises(AppError):
        bring(alice, data)
    assert not Chat.objects.exists()


def test_a_document_that_is_too_large_is_refused(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_TEXT", 300)
    with pytest.raises(AppError, match="too large"):
        bring(alice, small(message__content="x" * 300))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chats/bomb.json", json.dumps(small(message__content="x" * 5_000_000)))
    with pytest.raises(AppError, match="too large"):
        bring(alice, packed.getvalue())
    assert not Chat.objects.exists()


def test_strange_numbers_and_letters_do_no_harm(alice: User, alice_client: Client) -> None:
    document = small(
        message__role="assistant", message__content="a\x00b\ud800c", message__numbers={
            "tokens": "many", "speed": {"x": 1}, "load": True, "done_reason": 5, "prompt_tokens": 1.5,
            "num_ctx": 2,
        }, message__error_code="no such", message__status="failed", message__search={"mode": 7},
        chat__title="<script>alert(1)</script>",
    )  # fmt: skip
    [chat] = bring(alice, document)
    page = alice_client.get(chat.get_absolute_url())
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert Message.objects.get(chat=chat).content == "abc"


@pytest.mark.sqlite
def test_nothing_stays_when_the_writing_fails(alice: User) -> None:
    document = small()
    document["chats"] *= 3
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER third BEFORE INSERT ON main.chats_chat"
            " WHEN (SELECT count(*) FROM chats_chat) = 2"
            " BEGIN SELECT RAISE(ABORT, 'the third chat breaks'); END"
        )
    try:
        with pytest.raises(IntegrityError, match="third"):
            bring(alice, document)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER third")
    assert not Chat.objects.exists()


def test_the_page_brings_chats_and_says_how_many(alice: User, alice_client: Client) -> None:
    file = SimpleUploadedFile("mine.json", json.dumps(small()).encode())
    answer = alice_client.post(reverse("chats:exports"), {"file": file}, follow=True)
    assert "1 chat is here." in answer.content.decode()
    assert Chat.objects.visible_to(alice).get().get_absolute_url() == answer.redirect_chain[-1][0]
    refused = alice_client.post(reverse("chats:exports"), {"file": SimpleUploadedFile("x.json", b"{}")})
    assert refused.status_code == 400
    assert "not what this app writes" in refused.content.decode()
    assert alice_client.post(reverse("chats:exports")).status_code == 400
    assert Client().post(reverse("chats:exports")).status_code == 302


def test_the_api_takes_a_file_and_a_body(alice: User, alice_client: Client) -> None:
    document = exported(rich(alice))
    by_body = alice_client.post("/api/chats/import", document, content_type="application/json")
    by_file = alice_client.post("/api/chats/import", {"file": SimpleUploadedFile("c.json", document)})
    for answer in (by_body, by_file):
        assert answer.status_code == 201
        assert [chat["title"] for chat in answer.json()] == ["Дерево"]
    assert Chat.objects.count() == 3
    assert alice_client.post("/api/chats/import", b"{", content_type="application/json").status_code == 400
    assert alice_client.post("/api/chats/import", {"file": "text"}).status_code == 400
    assert Client().post("/api/chats/import", document, content_type="application/json").status_code == 401


def test_the_dates_are_the_old_ones(alice: User) -> None:
    [chat] = bring(alice, exported(rich(alice)))
    chat.refresh_from_db()
    assert (chat.created_at, chat.updated_at) == (LONG_AGO, LONG_AGO + timedelta(days=3))
    assert chat.messages.order_by("pk").first().created_at == LONG_AGO  # type: ignore[union-attr]
    assert timezone.now() > chat.created_at
