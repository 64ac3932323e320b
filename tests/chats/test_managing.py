"""Pin, archive, delete and bring back, read, keep a draft; the list at any length; what the purge takes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats import editing, listing, managing, purging
from chats.models import Chat, Message
from chats.threads import read_thread
from live import log
from live.redis import client as redis
from tests.chats.conversation import MODEL, answered_chat, ask, finish, leaf
from tests.chats.desk import Desk

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=31)


def many_chats(user: User, count: int) -> list[Chat]:
    now = timezone.now()
    chats = [
        Chat(user=user, title=f"Chat {number}", updated_at=now - timedelta(minutes=number // 3))
        for number in range(count)
    ]
    return Chat.objects.bulk_create(chats)


def events(user: User) -> list[str]:
    frames = log.read_frames(redis().xrange(log.stream_key("user", user.pk)))
    return [frame["type"] for frame in frames]


def titles(window: listing.Window) -> list[str]:
    return [chat.title for chat in window.chats]


def test_pinned_chats_stand_first_and_archived_ones_nowhere(alice: User, client: Client) -> None:
    chats = many_chats(alice, 4)
    client.force_login(alice)
    client.post(f"/chats/{chats[3].pk}/pin/")
    client.post(f"/chats/{chats[0].pk}/archive/")
    assert titles(listing.sidebar(alice)) == ["Chat 3", "Chat 2", "Chat 1"]
    client.post(f"/chats/{chats[3].pk}/pin/")
    client.post(f"/chats/{chats[0].pk}/archive/")
    assert titles(listing.sidebar(alice)) == ["Chat 2", "Chat 1", "Chat 0", "Chat 3"]


def test_the_list_goes_on_where_it_ended_and_misses_nobody(alice: User) -> None:
    many_chats(alice, 200)
    window = listing.sidebar(alice)
    seen = titles(window)
    while window.after:
        window = listing.more(alice, window.after)
        seen += titles(window)
    assert len(seen) == 200
    assert len(set(seen)) == 200


@pytest.mark.parametrize("after", ["x", "-", "1-x", "nan-1", "1e400-1", "99999999999999-1", "0-" + "9" * 40])
def test_a_place_that_is_none_begins_at_the_top(alice: User, client: Client, after: str) -> None:
    many_chats(alice, 3)
    client.force_login(alice)
    assert client.get("/chats/list/", {"after": after}).status_code == 200


def test_a_fresh_list_is_as_long_as_it_was(alice: User, client: Client) -> None:
    many_chats(alice, 150)
    client.force_login(alice)
    assert client.get("/chats/list/").text.count('class="chat-row') == 60
    assert client.get("/chats/list/?rows=120").text.count('class="chat-row') == 120
    assert client.get("/chats/list/?rows=100000000").text.count('class="chat-row') == 150


def test_the_list_takes_the_same_queries_at_any_length(
    alice: User, client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    many_chats(alice, 100)
    client.force_login(alice)
    client.get("/chats/list/")
    with django_assert_num_queries(4):  # session, person, pinned, the others
        client.get("/chats/list/")


def test_several_chats_are_put_away_and_brought_back_at_once(alice: User, bob: User, client: Client) -> None:
    mine, other = many_chats(alice, 3), many_chats(bob, 1)[0]
    client.force_login(alice)
    chosen = [mine[0].pk, mine[1].pk, other.pk]
    client.post("/chats/many/", {"chat": chosen, "do": "archive"})
    assert Chat.objects.exclude(archived_at=None).count() == 2
    assert client.get("/chats/archive/").text.count('name="chat"') == 2
    client.post("/chats/many/", {"chat": chosen, "do": "delete", "which": "archive"})
    assert titles(listing.sidebar(alice)) == ["Chat 2"]
    assert client.get("/chats/bin/").text.count('name="chat"') == 2
    client.post("/chats/many/", {"chat": chosen, "do": "restore", "which": "bin"})
    client.post("/chats/many/", {"chat": chosen, "do": "unarchive"})
    assert len(listing.sidebar(alice).chats) == 3
    other.refresh_from_db()
    assert (other.archived_at, other.deleted_at) == (None, None)


def test_the_chosen_chats_are_taken_away_in_one_zip(alice: User, bob: User, client: Client) -> None:
    mine, other = many_chats(alice, 3), many_chats(bob, 1)[0]
    client.force_login(alice)
    told = client.post("/chats/many/", {"chat": [mine[0].pk, mine[2].pk, other.pk], "do": "export"})
    assert told["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(told))) as zipped:
        documents = [json.loads(zipped.read(name)) for name in zipped.namelist() if name.endswith(".json")]
    titles = [chat["title"] for document in documents for chat in document["chats"]]
    assert sorted(titles) == ["Chat 0", "Chat 2"]


@pytest.mark.parametrize(
    "sent", [{"chat": ["x"], "do": "delete"}, {"chat": ["1"], "do": "burn"}, {"chat": ["1"]}]
)
def test_what_nobody_can_do_is_refused(alice: User, client: Client, sent: dict[str, Any]) -> None:
    client.force_login(alice)
    assert client.post("/chats/many/", sent).status_code == 400


DOORS = ["pin", "archive", "rename", "delete", "draft", "read"]


@pytest.mark.parametrize("door", [*DOORS, "restore"])
def test_a_strangers_chat_is_not_there(alice: User, bob: User, client: Client, door: str) -> None:
    chat = answered_chat(alice)
    before = Chat.objects.filter(pk=chat.pk).values().get()
    client.force_login(bob)
    assert client.post(f"/chats/{chat.pk}/{door}/", {"title": "x", "draft": "x"}).status_code == 404
    assert client.get(f"/chats/{chat.pk}/{door}/").status_code == 405
    assert Chat.objects.filter(pk=chat.pk).values().get() == before


def test_a_draft_is_there_on_the_next_device_and_gone_once_it_is_sent(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    client.post(f"/chats/{chat.pk}/draft/", {"draft": "Half a <b>thought"})
    assert "Half a &lt;b&gt;thought</textarea>" in client.get(f"/chats/{chat.pk}/").text
    ask(alice, "A whole one", chat=Chat.objects.get(pk=chat.pk))
    assert Chat.objects.get(pk=chat.pk).draft == ""


def test_the_draft_of_a_chat_that_has_not_begun_is_there_too(alice: User, bob: User, client: Client) -> None:
    client.force_login(alice)
    address = "/chats/draft/"
    assert client.post(address, {"draft": "Half a <b>thought"}).status_code == 204
    assert "Half a &lt;b&gt;thought</textarea>" in client.get("/").text
    assert client.post(address, {"draft": "x" * 200_001}).status_code == 413
    chat = answered_chat(alice)
    assert "Half a" not in client.get(f"/chats/{chat.pk}/").text
    client.force_login(bob)
    assert "Half a" not in client.get("/").text
    client.force_login(alice)
    client.post("/chats/send/", {"content": "A whole one", "model": MODEL})
    assert "Half a" not in client.get("/").text


def test_of_a_draft_that_is_too_long_nothing_is_kept(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    address = f"/chats/{chat.pk}/draft/"
    client.post(address, {"draft": "short"})
    assert client.post(address, {"draft": "x" * 200_001}).status_code == 413
    assert Chat.objects.get(pk=chat.pk).draft == "short"


@pytest.mark.django_db(transaction=True)
def test_open_pages_hear_of_a_chat_that_goes_and_comes_back_and_only_its_owner_brings_it(
    alice: User, bob: User
) -> None:
    chat = answered_chat(alice)
    managing.delete_chats(alice, [chat.pk])
    assert managing.restore_chats(bob, [chat.pk]) == 0
    assert managing.restore_chats(alice, [chat.pk]) == 1
    assert [type_ for type_ in events(alice) if type_ in ("deleted", "restored")] == ["deleted", "restored"]
    assert "restored" not in events(bob)


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_ends_is_unread_until_somebody_looks(desk: Desk, alice: User, client: Client) -> None:
    chat = desk.ask(alice).chat
    assert Chat.objects.get(pk=chat.pk).unread
    assert "ended" in events(alice)
    client.force_login(alice)
    assert "not read yet" in client.get("/chats/list/").text
    client.post(f"/chats/{chat.pk}/read/")
    assert not Chat.objects.get(pk=chat.pk).unread


def test_the_purge_takes_what_was_deleted_long_ago_and_nothing_else(alice: User) -> None:
    old, young, living = answered_chat(alice), answered_chat(alice), answered_chat(alice, turns=2)
    managing.delete_chats(alice, [old.pk, young.pk])
    Chat.objects.filter(pk=old.pk).update(deleted_at=timezone.now() - LONG_AGO)
    middle = Message.objects.get(chat=living, content="Question 1")
    editing.delete_message(middle)
    Message.objects.filter(pk=middle.pk).update(deleted_at=timezone.now() - LONG_AGO)
    assert purging.purge() == (1, 1)
    assert set(Chat.objects.all()) == {young, living}
    thread = read_thread(Chat.objects.get(pk=living.pk))
    assert [message.content for message in thread] == ["Question 0", "The sky.", "The sky."]
    assert purging.purge() == (0, 0)


def test_the_purge_moves_a_chat_that_stood_on_what_is_gone(alice: User) -> None:
    chat = answered_chat(alice)
    last = leaf(chat)
    editing.delete_message(last)
    Message.objects.filter(pk=last.pk).update(deleted_at=timezone.now() - LONG_AGO)
    purging.purge()
    assert leaf(chat).content == "Question 0"


def test_the_purge_waits_for_an_answer_that_still_runs(alice: User) -> None:
    sent = ask(alice)
    Chat.objects.filter(pk=sent.chat.pk).update(deleted_at=timezone.now() - LONG_AGO)
    assert purging.purge() == (0, 0)
    finish(sent.answer)
    assert purging.purge() == (1, 0)


def test_the_command_counts_before_it_takes(alice: User) -> None:
    chat = answered_chat(alice)
    managing.delete_chats(alice, [chat.pk])
    Chat.objects.filter(pk=chat.pk).update(deleted_at=timezone.now() - timedelta(days=5))
    said = io.StringIO()
    call_command("purge", "--days", "3", "--dry-run", stdout=said)
    assert said.getvalue() == "1 chats and 0 messages would go.\n"
    assert Chat.objects.count() == 1
    call_command("purge", "--days", "3", stdout=said)
    assert Chat.objects.count() == 0


def test_scripts_change_chats_too(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    body = {"title": "New", "pinned": True, "system_prompt": "Rhyme.", "options": {"temperature": 1}}
    told = client.put(f"/api/chats/{chat.pk}", body, content_type="application/json").json()
    assert (told["title"], told["system_prompt"], told["options"]) == ("New", "Rhyme.", {"temperature": 1.0})
    assert told["pinned_at"]
    wrong = client.patch(f"/api/chats/{chat.pk}/", {"options": {"top_p": 7}}, content_type="application/json")
    assert (wrong.status_code, list(wrong.json()["error"]["fields"])) == (400, ["top_p"])
    assert client.delete(f"/api/chats/{chat.pk}").status_code == 204
    assert client.get(f"/api/chats/{chat.pk}").status_code == 404
    assert client.post(f"/api/chats/{chat.pk}/restore").json()["title"] == "New"
