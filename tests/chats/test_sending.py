from __future__ import annotations

import uuid

import pytest
from django.test import Client, TestCase

from accounts.errors import AppError, Code
from accounts.models import User
from chats import editing, managing, sending, stopping
from chats.models import TITLE_LENGTH, Chat, Message
from gpu import arbiter
from gpu.snapshot import Known
from live import log
from tests.chats.conversation import MODEL, answered_chat, ask, finish, know_models, leaf, tickets

pytestmark = pytest.mark.django_db
Status = Message.Status


def test_a_first_message_begins_a_chat_with_its_question_and_a_queued_answer(alice: User) -> None:
    sent = ask(alice, "  Why is the sky blue?\r\nSay it shortly.  ")
    assert sent.message.content == "Why is the sky blue?\nSay it shortly."
    assert (sent.message.role, sent.message.status, sent.message.parent) == ("user", "complete", None)
    assert (sent.answer.role, sent.answer.status, sent.answer.parent) == (
        "assistant",
        "queued",
        sent.message,
    )
    chat = Chat.objects.get()
    assert (chat.user, chat.leaf, chat.model_name) == (alice, sent.answer, MODEL)
    assert chat.title == "Why is the sky blue? Say it shortly."


def test_the_ticket_goes_out_once_the_rows_are_there(alice: User) -> None:
    with TestCase.captureOnCommitCallbacks() as callbacks:
        sent = ask(alice)
    assert tickets() == []
    for callback in callbacks:
        callback()
    assert tickets() == [sent.answer.pk]


def test_the_next_message_goes_below_the_last_answer(alice: User) -> None:
    first = ask(alice)
    finish(first.answer)
    second = ask(alice, "And at night?", chat=first.chat)
    assert second.message.parent == first.answer
    assert leaf(first.chat) == second.answer
    assert Chat.objects.get().title == "What is up?"


def test_the_same_client_id_returns_what_the_first_send_made(alice: User) -> None:
    client_id = uuid.uuid4()
    first = ask(alice, client_id=client_id)
    assert ask(alice, "other words", client_id=client_id) == first
    finish(first.answer)
    assert ask(alice, chat=first.chat, client_id=client_id) == first
    assert (Chat.objects.count(), Message.objects.count()) == (1, 2)


def test_two_people_may_have_the_same_client_id(alice: User, bob: User) -> None:
    client_id = uuid.uuid4()
    assert ask(alice, client_id=client_id).chat != ask(bob, client_id=client_id).chat


def test_the_repeated_send_of_a_tried_again_answer_returns_the_first_answer(alice: User) -> None:
    client_id = uuid.uuid4()
    first = ask(alice, client_id=client_id)
    sending.try_again(finish(first.answer))
    assert ask(alice, client_id=client_id).answer == first.answer


@pytest.mark.parametrize("status", Message.RUNNING)
def test_a_chat_whose_answer_runs_is_busy_and_keeps_nothing_of_the_second_message(
    alice: User, status: str
) -> None:
    first = ask(alice)
    Message.objects.filter(pk=first.answer.pk).update(status=status)
    with pytest.raises(sending.BusyError) as refused:
        ask(alice, "second", chat=first.chat, client_id=uuid.uuid4())
    assert (refused.value.code, refused.value.status, refused.value.permanent) == (Code.BUSY, 409, False)
    assert Message.objects.count() == 2
    assert leaf(first.chat) == first.answer


def test_another_chat_is_not_busy(alice: User) -> None:
    assert ask(alice).chat != ask(alice).chat


@pytest.mark.parametrize("content", ["", "   ", "\n\r\n\t", "\x00"])
def test_an_empty_message_is_refused_at_its_field(alice: User, content: str) -> None:
    with pytest.raises(AppError) as refused:
        ask(alice, content)
    assert refused.value.code == Code.INVALID
    assert list(refused.value.fields) == ["content"]
    assert not Chat.objects.exists()


def test_the_longest_message_is_taken_and_a_longer_one_told_by_how_much(alice: User) -> None:
    ask(alice, "x" * sending.LONGEST_MESSAGE)
    with pytest.raises(AppError) as refused:
        ask(alice, "x" * (sending.LONGEST_MESSAGE + 1))
    assert refused.value.code == Code.TOO_LARGE
    assert "200001" in str(refused.value)
    assert "200000" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Hello", "Hello"),
        ("Hello\n\n  there", "Hello there"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("word " * 20, "word word word word word word word word word word word word…"),
        ("a" * 50 + ", " + "b" * 50, "a" * 50 + "…"),
    ],
)
def test_a_title_is_the_beginning_of_the_first_message_cut_at_a_word(content: str, title: str) -> None:
    assert sending.title_from(content) == title


def test_a_chat_begun_empty_gets_its_title_with_the_first_message(alice: User) -> None:
    chat = Chat.objects.create(user=alice, updated_at="2026-01-01T00:00Z")
    assert ask(alice, "Hello", chat=chat).chat.title == "Hello"


def test_the_model_is_the_asked_one_else_the_chats_else_the_default(alice: User) -> None:
    know_models(Known("other:1b", 1), Known("first:1b", 1, loaded=True))
    new = ask(alice, model_name="")
    assert new.answer.model_name == "first:1b"
    finish(new.answer)
    changed = ask(alice, chat=new.chat, model_name="other:1b")
    finish(changed.answer)
    assert ask(alice, chat=Chat.objects.get(), model_name="").answer.model_name == "other:1b"


def test_trying_again_asks_for_a_sibling_and_keeps_the_first_answer(alice: User) -> None:
    sent = ask(alice)
    first = finish(sent.answer, "half", status=Status.FAILED)
    again = sending.try_again(first).answer
    assert (again.parent, again.status, again.content) == (sent.message, "queued", "")
    assert again.model_name == first.model_name
    assert leaf(sent.chat) == again
    assert list(sent.message.children.order_by("pk")) == [first, again]


def test_trying_again_with_another_model_asks_that_one(alice: User) -> None:
    chat = answered_chat(alice)
    assert sending.try_again(leaf(chat), model_name="other:1b").answer.model_name == "other:1b"
    assert Chat.objects.get().model_name == "other:1b"


def test_an_answer_whose_question_is_deleted_has_no_other_one(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    answer = leaf(chat)
    client.force_login(alice)
    assert ">Another answer<" in client.get(chat.get_absolute_url()).text
    question = Message.objects.get(chat=chat, role="user")
    editing.delete_message(question)
    assert ">Another answer<" not in client.get(chat.get_absolute_url()).text
    with pytest.raises(AppError) as caught:
        sending.try_again(Message.objects.get(pk=answer.pk))
    assert caught.value.code == Code.STALE
    editing.restore_message(question)
    assert sending.try_again(Message.objects.get(pk=answer.pk)).message == question


def test_deleting_a_question_stops_its_answer(alice: User) -> None:
    sent = ask(alice)
    editing.delete_message(sent.message)
    assert leaf(sent.chat).status == "stopped"
    assert ask(alice, chat=Chat.objects.get(pk=sent.chat.pk)).answer.status == "queued"


def test_trying_again_while_an_answer_runs_is_busy(alice: User) -> None:
    chat = answered_chat(alice)
    first = leaf(chat)
    sending.try_again(first)
    with pytest.raises(sending.BusyError):
        sending.try_again(first)
    assert Message.objects.filter(role="assistant").count() == 2


@pytest.mark.parametrize("status", Message.UNFINISHED)
def test_continuing_queues_the_same_answer_with_its_text(alice: User, status: str) -> None:
    answer = finish(
        ask(alice).answer, "The sky is", status=status, error_code="cut_off", html="<p>The sky is</p>"
    )
    log.write_end("message", answer.pk, status=status)
    with TestCase.captureOnCommitCallbacks(execute=True):
        went_on = sending.continue_answer(answer)
    assert (went_on.pk, went_on.status, went_on.content) == (answer.pk, "queued", "The sky is")
    assert (went_on.live_in, went_on.error_code, went_on.html) == (answer.chat, "", "")
    assert tickets() == [answer.pk]
    assert not log.read_told("message", answer.pk).ended


def test_an_answer_cut_at_its_greatest_length_can_be_continued(alice: User) -> None:
    answer = finish(ask(alice).answer, numbers={"done_reason": "length"})
    assert sending.continue_answer(answer).status == "queued"


@pytest.mark.parametrize(("status", "content"), [("complete", "All."), ("failed", ""), ("streaming", "Ha")])
def test_what_cannot_go_on_is_not_continued(alice: User, status: str, content: str) -> None:
    answer = finish(ask(alice).answer, content, status=status)
    with pytest.raises(AppError) as refused:
        sending.continue_answer(answer)
    assert refused.value.code == Code.STALE
    assert Message.objects.get(pk=answer.pk).status == status


def test_continuing_in_a_chat_where_another_answer_runs_is_busy(alice: User) -> None:
    answer = finish(ask(alice).answer, status=Status.STOPPED)
    sending.try_again(answer)
    with pytest.raises(sending.BusyError):
        sending.continue_answer(answer)
    assert Message.objects.get(pk=answer.pk).status == Status.STOPPED


def test_an_answer_that_no_worker_has_is_stopped_at_once_and_its_log_ends(alice: User) -> None:
    sent = ask(alice)
    sending.stop_answer(sent.answer)
    answer = Message.objects.get(pk=sent.answer.pk)
    assert (answer.status, answer.live_in) == (Status.STOPPED, None)
    assert log.read_told("message", answer.pk).ended
    ask(alice, chat=sent.chat)


def test_an_answer_that_a_worker_has_is_stopped_by_a_flag(alice: User) -> None:
    answer = ask(alice).answer
    Message.objects.filter(pk=answer.pk).update(status=Status.STREAMING, claim="a worker")
    sending.stop_answer(answer)
    assert Message.objects.get(pk=answer.pk).status == Status.STREAMING
    assert stopping.read_flags([answer.pk, answer.pk + 1]) == {answer.pk}


def test_a_finished_answer_is_left_as_it_is_by_a_stop(alice: User) -> None:
    answer = finish(ask(alice).answer)
    sending.stop_answer(answer)
    assert Message.objects.get(pk=answer.pk).status == Status.COMPLETE


def test_a_deleted_chat_stops_its_answer_and_is_out_of_sight(alice: User) -> None:
    sent = ask(alice)
    managing.delete_chats(alice, [sent.chat.pk])
    assert Message.objects.get(pk=sent.answer.pk).status == Status.STOPPED
    assert not Chat.objects.visible_to(alice).exists()
    assert not Message.objects.visible_to(alice).exists()
    assert Chat.objects.get().deleted_at is not None


def test_deleting_a_chat_leaves_the_answers_of_others_alone(alice: User) -> None:
    chat, other = answered_chat(alice), ask(alice)
    managing.delete_chats(alice, [chat.pk])
    assert Message.objects.get(pk=other.answer.pk).status == Status.QUEUED
    assert list(Chat.objects.visible_to(alice)) == [other.chat]


@pytest.mark.parametrize(
    ("typed", "title"),
    [("Physics", "Physics"), ("  a \n b ", "a b"), ("", "before"), (" \t", "before"), ("x" * 500, "x" * 120)],
)
def test_a_chat_is_renamed_to_one_line_and_never_to_nothing(alice: User, typed: str, title: str) -> None:
    chat = Chat.objects.create(user=alice, title="before", updated_at="2026-01-01T00:00Z")
    managing.rename_chat(chat, title=typed)
    assert Chat.objects.get().title == title
    assert len(title) <= TITLE_LENGTH


def test_before_a_restart_new_work_is_refused_for_a_while(alice: User) -> None:
    chat = ask(alice).chat
    arbiter.transact("drain", on=True)
    with pytest.raises(AppError) as refused:
        sending.send_message(chat, author=alice, content="One more")
    assert (refused.value.status, refused.value.retry_after, refused.value.permanent) == (503, 30, False)
    assert chat.messages.count() == 2
    arbiter.transact("drain", on=False)
