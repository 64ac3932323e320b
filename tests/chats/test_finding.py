"""Full-text search: what is found, by whom, and that the index follows the rows whatever is done to them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from chats import editing, managing
from chats.finding import search, snippets, words
from chats.models import Chat, Message
from tests.chats.conversation import ask, finish, know_models
from tests.conftest import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]  # MariaDB indexes what is committed only


def say(user: User, content: str, *, chat: Chat | None = None, **changes: Any) -> Message:
    """Return a message of the user's with these words, in a chat of its own if none is given."""
    chat = chat or Chat.objects.create(user=user, title="Untitled", updated_at=timezone.now())
    return Message.objects.create(chat=chat, author=user, **{"role": "user", "content": content, **changes})


def found(user: User, query: str) -> set[int]:
    """Return the messages that a query finds."""
    return {hit.message.pk for hit in search.find(user, query).messages}


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("видеокарту", True),
        ("ВИДЕОКАРТА", True),
        ("новую", True),
        ("ёлки", True),
        ("ели", False),
        ("коту", True),
        ("кот", True),
        ("лес", False),
        ("виду кота", True),
        ("видео", True),
        ("ёлка", True),
        ("елка", True),
        ("ёлочка", False),
        ("карта", False),
        ("на видеокарте растёт", True),
        ("растет елка", True),
        ("растёт слон", False),
        ("«растёт елка»", True),
        ('"растёт на"', False),
        ('"елка на вид', True),
        ("cafe", True),
        ("CAFÉ", True),
        ("num_ctx", True),
        ("ctx num", True),
        ('"ctx num"', False),
        ("C++", True),
        ("nu", True),
        ("nu елка", False),
    ],
)
def test_words_are_found_in_any_case_form_and_spelling(alice: User, query: str, finds: bool) -> None:
    said = say(alice, "На новой видеокарте растёт Ёлка на видеокарте; на вид котом; café, num_ctx и C++")
    assert found(alice, query) == ({said.pk} if finds else set())


@pytest.mark.parametrize(
    "query",
    ["", "   ", '"', '""', "*", "a*", "AND", "NEAR(a b)", "^x", "-x", "owner:u1", "{a b}: c",
     "'; DROP TABLE x",
     "\x00\x01", "(((", "OR OR", "\\", "%s %(n)s", "🙂", "й" * 5000, '"a b" "c d" ' * 200, "\ud800"],
)  # fmt: skip
def test_no_query_is_an_error(alice: User, alice_client: Client, query: str) -> None:
    say(alice, "something else")
    assert not search.find(alice, query).messages
    if "\ud800" not in query:
        assert alice_client.get(reverse("chats:search"), {"q": query}).status_code == 200


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80), query=st.text(max_size=40))
def test_any_text_can_be_searched_for_anything_and_its_marks_are_harmless(
    alice: User, text: str, query: str
) -> None:
    search.find(alice, query)
    shown = snippets.mark(text, words.parse(query))
    assert shown.replace("<mark>", "").replace("</mark>", "") == snippets.mark(text, ())
    assert len(words.fold(text)) == len(text)


def test_only_the_persons_own_and_undeleted_is_found(alice: User, bob: User) -> None:
    mine, other = say(alice, "secret plan"), say(bob, "secret plan")
    gone = say(alice, "secret plan", deleted_at=timezone.now())
    in_gone = say(alice, "secret plan")
    managing.delete_chats(alice, [in_gone.chat.pk])
    assert found(alice, "secret") == {mine.pk}
    assert found(bob, "secret") == {other.pk}
    editing.restore_message(gone)
    assert found(alice, "secret") == {mine.pk, gone.pk}


def test_titles_are_found_and_archived_chats_are_marked(alice: User, alice_client: Client) -> None:
    said = say(alice, "про лису")
    Chat.objects.filter(pk=said.chat_id).update(title="Ёжик & лиса", archived_at=timezone.now())
    hits = search.find(alice, "ежик")
    assert [(hit.chat.pk, hit.title) for hit in hits.chats] == [
        (said.chat_id, "<mark>Ёжик</mark> &amp; лиса")
    ]
    page = alice_client.get(reverse("chats:search"), {"q": "лис"}).content.decode()
    assert page.count("<mark>") == 2
    assert page.count('class="tag"') == 2


def test_the_index_follows_whatever_is_done_to_the_rows(alice: User) -> None:
    said = say(alice, "first words")
    editing.edit_message(said, content="second words")
    assert (found(alice, "first"), found(alice, "second")) == (set(), {said.pk})
    Message.objects.filter(pk=said.pk).update(content="third")
    assert (found(alice, "second"), found(alice, "third")) == (set(), {said.pk})
    copy = editing.fork_chat(Message.objects.get(pk=said.pk))
    assert found(alice, "third") == {said.pk, copy.leaf_id}
    said.delete()
    copy.delete()
    assert found(alice, "third") == set()
    assert _is_whole()


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_found_when_it_has_ended_and_not_indexed_while_it_grows(alice: User) -> None:
    know_models()
    answer = ask(alice).answer
    Message.objects.filter(pk=answer.pk).update(content="growing text", status="streaming")
    assert found(alice, "growing") == set()
    finish(answer, "grown text")
    assert (found(alice, "growing"), found(alice, "grown")) == (set(), {answer.pk})


def test_the_index_stays_whole_under_random_writes(alice: User, bob: User) -> None:
    dice, vocabulary = random.Random(7), ["ель", "дуб", "липа", "oak", "ash"]
    rows = [say(user, "ель") for user in (alice, bob) for _ in range(6)]
    for _ in range(150):
        row, text = dice.choice(rows), " ".join(dice.choices(vocabulary, k=dice.randrange(4)))
        live = dice.choice([None, row.chat_id])
        Message.objects.filter(pk=row.pk).update(content=text, live_in_id=live, html=text)
    for user in (alice, bob):
        for word in vocabulary:
            mine = Message.objects.filter(author=user, live_in=None)
            assert found(user, f'"{word}"') == {row.pk for row in mine if word in row.content.split()}
    Message.objects.all().delete()
    assert _is_whole()


def test_a_lost_trigger_is_noticed_and_mended(alice: User) -> None:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER chats_message_words_insert")
    said = say(alice, "unheard")
    assert found(alice, "unheard") == set()
    search.mend_index()
    assert found(alice, "unheard") == {said.pk}


def test_snippets_begin_near_the_words_and_are_escaped(alice: User) -> None:
    said = say(alice, "долго " * 100 + "<script>alert(1)</script> нашлось & всё " + "ещё " * 100)
    [hit] = search.find(alice, "нашлось").messages
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <mark>нашлось</mark> &amp; всё" in hit.snippet
    assert hit.url == f"/chats/{said.chat_id}/?m={said.pk}#m{said.pk}"


def test_pages_go_through_all_newest_first(alice: User, alice_client: Client) -> None:
    chat = Chat.objects.create(user=alice, title="Trees", updated_at=timezone.now())
    said = [say(alice, f"oak {n}", chat=chat).pk for n in range(search.PAGE + 5)]
    first = search.find(alice, "oak")
    second = search.find(alice, "oak", before=first.next)
    assert [hit.message.pk for hit in (*first.messages, *second.messages)] == said[::-1]
    assert second.next is None
    page = alice_client.get(reverse("chats:search"), {"q": "oak"}).content.decode()
    assert f"q=oak&amp;before={first.next}" in page
    rows = alice_client.get(
        reverse("chats:search"), {"q": "oak", "before": str(first.next)}, headers={"HX-Request": "true"}
    ).content.decode()
    assert rows.count('class="hit"') == 5
    assert "<html" not in rows


def test_the_number_of_queries_does_not_grow(alice: User, django_assert_num_queries: Any) -> None:
    for n in range(search.PAGE):
        chat = say(alice, f"oak {n}").chat
        Chat.objects.filter(pk=chat.pk).update(title=f"oak {n}")
    with django_assert_num_queries(4):
        page = search.find(alice, "oak")
        assert [hit.message.chat.title for hit in page.messages]


def test_the_api_tells_what_is_found_page_by_page(alice: User) -> None:
    client = signed_in(alice)
    chat = Chat.objects.create(user=alice, title="Oaks <b>", updated_at=timezone.now())
    for n in range(search.PAGE + 1):
        say(alice, f"an oak & {n}", chat=chat, role="assistant")
    told = client.get("/api/search", {"q": "oak"}).json()
    assert [(hit["chat_id"], hit["marked"]) for hit in told["chats"]] == [
        (chat.pk, "<mark>Oaks</mark> &lt;b&gt;")
    ]
    assert told["results"][0]["snippet"] == f"an <mark>oak</mark> &amp; {search.PAGE}"
    assert told["results"][0]["role"] == "assistant"
    last = client.get(told["next"]).json()
    assert (len(last["results"]), last["chats"], last["next"]) == (1, [], None)


def test_the_api_refuses_strangers_and_what_is_no_query(alice: User, bob: User) -> None:
    say(alice, "oak")
    assert signed_in(bob).get("/api/search", {"q": "oak"}).json()["results"] == []
    assert Client().get("/api/search", {"q": "oak"}).status_code == 401
    assert signed_in(alice).get("/api/search").status_code == 400
    assert signed_in(alice).get("/api/search", {"q": "x", "before": "-1"}).status_code == 400
    assert signed_in(alice).post("/api/search", {"q": "x"}).status_code == 405


def test_the_page_needs_somebody_and_get(alice_client: Client) -> None:
    assert Client().get(reverse("chats:search"), {"q": "x"}).status_code == 302
    assert alice_client.post(reverse("chats:search")).status_code == 405


def _is_whole() -> bool:
    """Return whether nothing is left in the index of tables without rows; SQLite checks its own structure."""
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO chats_message_words(chats_message_words) VALUES('integrity-check')")
        cursor.execute(
            "SELECT count(*) FROM chats_message_words WHERE chats_message_words MATCH 'owner : u*'"
        )
        return bool(cursor.fetchone()[0] == Message.objects.count())
