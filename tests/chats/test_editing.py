"""Edit in place, send again, choose a branch, delete and bring back, fork."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.errors import AppError, Code
from accounts.models import User
from chats import editing, sending
from chats.models import Chat, Message
from chats.threads import read_thread
from tests.chats.conversation import answered_chat, ask, finish

pytestmark = pytest.mark.django_db


def texts(chat: Chat) -> list[str]:
    return [message.content for message in read_thread(Chat.objects.get(pk=chat.pk))]


def first(chat: Chat, role: str = "user") -> Message:
    found = Message.objects.filter(chat=chat, role=role).order_by("pk").first()
    assert found is not None
    return found


def test_an_edit_in_place_changes_the_words_and_says_when(alice: User) -> None:
    chat = answered_chat(alice)
    for role in ("user", "assistant"):
        edited = editing.edit_message(first(chat, role), content=f"  new {role}\r\n")
        assert edited.content == f"new {role}"
        assert edited.edited_at is not None
        assert edited.html == ""
    assert texts(chat) == ["new user", "new assistant"]


@pytest.mark.parametrize("content", ["", "   \n", "x" * 200_001])
def test_an_edit_to_nothing_or_too_much_changes_nothing(alice: User, content: str) -> None:
    chat = answered_chat(alice)
    with pytest.raises(AppError):
        editing.edit_message(first(chat), content=content)
    assert texts(chat) == ["Question 0", "The sky."]


def test_an_answer_that_is_being_written_is_not_edited(alice: User) -> None:
    answer = ask(alice).answer
    with pytest.raises(AppError) as caught:
        editing.edit_message(answer, content="mine")
    assert caught.value.code == Code.BUSY


def test_sending_again_makes_a_branch_and_the_old_one_is_a_step_away(alice: User) -> None:
    chat = answered_chat(alice, turns=2)
    old = first(chat)
    sent = editing.resend_message(old, content="In other words")
    finish(sent.answer, "Other sky.")
    assert texts(chat) == ["In other words", "Other sky."]
    thread = read_thread(Chat.objects.get(pk=chat.pk))
    assert thread[0].branch is not None
    assert (thread[0].branch.position, thread[0].branch.before) == (2, old.pk)
    editing.choose_branch(old)
    assert texts(chat) == ["Question 0", "The sky.", "Question 1", "The sky."]


def test_sending_again_twice_with_one_id_is_one_message(alice: User) -> None:
    chat = answered_chat(alice)
    client_id = uuid.uuid4()
    made = [editing.resend_message(first(chat), content="again", client_id=client_id) for _ in range(2)]
    assert made[0].message == made[1].message
    assert Message.objects.filter(chat=chat).count() == 4


def test_an_answer_cannot_be_sent_again_as_if_it_were_mine(alice: User) -> None:
    with pytest.raises(AppError):
        editing.resend_message(first(answered_chat(alice), "assistant"), content="words")


def drawn(user: User) -> Message:
    """Return the message of a picture, under the wish for it."""
    chat = answered_chat(user)
    common = {"chat": chat, "author": user, "content": "A red fox"}
    wish = Message.objects.create(**common, role="user", parent=chat.leaf)
    picture = Message.objects.create(**common, role="assistant", parent=wish, kind=Message.Kind.PICTURE)
    Chat.objects.filter(pk=chat.pk).update(leaf=picture)
    return picture


def test_a_picture_is_neither_edited_nor_answered_again(alice: User, client: Client) -> None:
    picture = drawn(alice)
    wish = picture.parent
    assert wish is not None
    for refused in (
        lambda: editing.edit_message(picture, content="mine"),
        lambda: editing.resend_message(wish, content="A blue fox"),
        lambda: sending.try_again(picture),
    ):
        with pytest.raises(AppError) as caught:
            refused()
        assert caught.value.code == Code.INVALID
        assert "picture" in str(caught.value)
    assert Message.objects.filter(chat=picture.chat).count() == 4
    client.force_login(alice)
    page = client.get(f"/chats/{wish.chat_id}/messages/{wish.pk}/edit/").content.decode()
    assert "Only save" in page
    assert "Send again" not in page


def test_while_an_answer_is_written_nothing_is_sent_again(alice: User) -> None:
    sent = ask(alice)
    with pytest.raises(AppError) as caught:
        editing.resend_message(sent.message, content="other")
    assert caught.value.code == Code.BUSY
    assert Message.objects.filter(chat=sent.chat).count() == 2


def test_the_thread_closes_over_a_deleted_message_and_opens_again(alice: User) -> None:
    chat = answered_chat(alice, turns=2)
    gone = Message.objects.get(chat=chat, content="Question 1")
    editing.delete_message(gone)
    assert texts(chat) == ["Question 0", "The sky.", "The sky."]
    editing.restore_message(gone)
    assert texts(chat) == ["Question 0", "The sky.", "Question 1", "The sky."]


def test_when_a_whole_branch_is_gone_another_one_is_shown(alice: User) -> None:
    chat = answered_chat(alice)
    sent = editing.resend_message(first(chat), content="Other")
    finish(sent.answer)
    editing.delete_message(sent.answer)
    editing.delete_message(sent.message)
    assert texts(chat) == ["Question 0", "The sky."]


def test_a_fork_has_all_up_to_the_message_and_its_own_life(alice: User) -> None:
    chat = answered_chat(alice, turns=3)
    upto = Message.objects.get(chat=chat, content="Question 1")
    fork = editing.fork_chat(upto)
    assert texts(fork) == ["Question 0", "The sky.", "Question 1"]
    editing.edit_message(first(fork), content="mine")
    assert texts(chat)[0] == "Question 0"
    assert fork.user == alice


DOORS = ("edit", "resend", "branch", "delete", "restore", "fork")


@pytest.mark.parametrize("door", DOORS)
def test_a_stranger_finds_no_message_to_change(bob: User, alice: User, client: Client, door: str) -> None:
    chat = answered_chat(alice)
    message = first(chat)
    if door == "restore":
        editing.delete_message(message)
    client.force_login(bob)
    answer = client.post(f"/chats/{chat.pk}/messages/{message.pk}/{door}/", {"content": "mine"})
    assert answer.status_code == 404
    before = Message.objects.get(pk=message.pk)
    assert before.content == "Question 0"
    assert bool(before.deleted_at) == (door == "restore")


@pytest.mark.parametrize("door", DOORS)
def test_nobody_changes_a_message_by_following_a_link(alice: User, client: Client, door: str) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    answer = client.get(f"/chats/{chat.pk}/messages/{first(chat).pk}/{door}/")
    assert answer.status_code == (200 if door == "edit" else 405)


def test_without_scripts_each_step_leads_back_to_the_chat(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    message = first(chat)
    client.force_login(alice)
    address = f"/chats/{chat.pk}/messages/{message.pk}"
    page = client.get(f"{address}/edit/")
    assert "Question 0" in page.content.decode()
    for door in ("edit", "branch", "delete", "restore"):
        answer = client.post(f"{address}/{door}/", {"content": "Else"})
        assert (answer.status_code, answer["Location"]) == (302, chat.get_absolute_url())
    fork = client.post(f"{address}/fork/")
    assert fork["Location"] != chat.get_absolute_url()


def test_the_thread_comes_in_pieces_and_whole(alice: User, client: Client, settings: Any) -> None:
    chat = answered_chat(alice, turns=90)
    client.force_login(alice)
    newest = client.get(f"/chats/{chat.pk}/thread/").content.decode()
    assert newest.count("<chat-message") == 80
    assert "Earlier messages" in newest
    shown = list(Message.objects.filter(chat=chat).order_by("pk").values_list("pk", flat=True))
    before = client.get(f"/chats/{chat.pk}/thread/?before={shown[100]}").content.decode()
    assert before.count("<chat-message") == 80
    rest = client.get(f"/chats/{chat.pk}/thread/?before={shown[20]}").content.decode()
    assert rest.count("<chat-message") == 20
    assert "Earlier messages" not in rest
    whole = client.get(f"/chats/{chat.pk}/thread/?from={shown[0]}").content.decode()
    assert whole.count("<chat-message") == 180


@pytest.fixture
def branched(alice: User) -> Chat:
    """A chat whose second question was sent again: it stands on the newer branch."""
    chat = answered_chat(alice, turns=2)
    finish(editing.resend_message(question(chat), content="Other words").answer, "Other sky.")
    return Chat.objects.get(pk=chat.pk)


def question(chat: Chat) -> Message:
    return Message.objects.get(chat=chat, content="Question 1")


def test_a_link_to_a_message_shows_its_branch_and_the_chat_stands_where_it_stood(
    branched: Chat, alice: User, client: Client
) -> None:
    client.force_login(alice)
    old = question(branched)
    page = client.get(f"/chats/{branched.pk}/?m={old.pk}").text
    assert f'id="m{old.pk}"' in page
    assert "Other sky." not in page
    assert f'name="seen" value="{old.pk}" form="composer"' in page
    assert texts(branched) == ["Question 0", "The sky.", "Other words", "Other sky."]
    assert 'name="seen"' not in client.get(f"/chats/{branched.pk}/").text
    assert client.get(f"/chats/{branched.pk}/?m=999999").status_code == 404


def test_a_message_goes_on_where_its_writer_was(branched: Chat, alice: User, client: Client) -> None:
    client.force_login(alice)
    client.post(f"/chats/{branched.pk}/send/", {"content": "And?", "seen": question(branched).pk})
    assert texts(branched) == ["Question 0", "The sky.", "Question 1", "The sky.", "And?", ""]


@pytest.mark.parametrize("seen", ["999999", "x", ""])
def test_a_message_that_is_not_there_leads_nowhere(
    branched: Chat, alice: User, client: Client, seen: str
) -> None:
    client.force_login(alice)
    client.post(f"/chats/{branched.pk}/send/", {"content": "And?", "seen": seen})
    assert texts(branched)[-3:] == ["Other sky.", "And?", ""]


@pytest.mark.parametrize(
    ("act", "left"), [("edit", ["Question 0", "The sky.", "New", "The sky."]),
                      ("delete", ["Question 0", "The sky.", "The sky."])],
)  # fmt: skip
def test_who_changes_a_message_goes_on_with_its_branch(
    branched: Chat, alice: User, client: Client, act: str, left: list[str]
) -> None:
    client.force_login(alice)
    client.post(f"/chats/{branched.pk}/messages/{question(branched).pk}/{act}/", {"content": "New"})
    assert texts(branched) == left


def test_what_stands_before_a_message_is_of_its_own_branch(
    branched: Chat, alice: User, client: Client
) -> None:
    client.force_login(alice)
    last = Message.objects.get(parent=question(branched))
    page = client.get(f"/chats/{branched.pk}/thread/?before={last.pk}").text
    assert "Question 1" in page
    assert "Other" not in page
