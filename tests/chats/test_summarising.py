"""The older part in a few words: what it stands for, where it stands, what the model then sees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from accounts.errors import AppError
from accounts.models import User
from chats import editing, gauge, planning, stopping, summarising, sweep
from chats.models import Chat, Message
from chats.pulse import pulse
from chats.running import claim_answer
from chats.threads import read_thread
from gpu import monitor, snapshot
from gpu.models import LanguageModel
from tests.chats.conversation import MODEL, know_models
from tests.chats.desk import Desk
from tests.standins.ollama_script import Fault, Script

WINDOW = 1024
LONG = "word " * 120


@pytest.fixture
def long_chat(desk: Desk, alice: User) -> Chat:
    """A chat of which a small window holds only the end."""
    LanguageModel.objects.create(name=MODEL, num_ctx=WINDOW, bytes_per_token=4)
    desk.ollama.default = Script(tokens=["Noted. "])
    return desk.talk(alice, *(f"Fact {number}: {LONG}" for number in range(8)))


def sum_up(desk: Desk, chat: Chat, words: str = "They told seven facts.") -> Message:
    desk.ollama.default = Script(tokens=[words])
    summary = summarising.summarise_chat(Chat.objects.get(pk=chat.pk))
    desk.work()
    return Message.objects.get(pk=summary.pk)


def test_the_gauge_says_what_is_not_sent_and_where_the_line_is(desk: Desk, long_chat: Chat) -> None:
    told = gauge.read_gauge(long_chat, name=MODEL)
    thread = read_thread(long_chat)
    assert told.left_out > 0
    assert thread[told.left_out].pk == told.cut
    assert (told.level, told.window, told.can_sum_up) == ("full", WINDOW, True)
    assert str(told.left_out) in told.sentence


def test_the_gauge_of_a_short_chat_is_what_ollama_counted(desk: Desk, alice: User) -> None:
    answer = desk.ask(alice, "Hello")
    told = gauge.read_gauge(answer.chat, name=MODEL)
    assert told.measured
    assert told.used == answer.numbers["prompt_tokens"] + answer.numbers["tokens"]
    assert (told.level, told.left_out, told.cut, told.sentence) == ("calm", 0, 0, "")
    assert not gauge.read_gauge(answer.chat, name="another").measured


def test_the_gauge_counts_in_thousands_as_the_language_writes_them() -> None:
    full = gauge.Gauge(used=5_120, window=8_192, measured=True)
    assert full.words == "5.1 of 8.2k"
    with translation.override("ru"):
        assert full.words == "5,1 из 8,2 тыс."


@pytest.mark.parametrize(
    "more", [{"thinking": "Hm. " * 200}, {"sources": [{"n": 1, "url": "https://a.example"}]}]
)
def test_what_is_not_sent_again_does_not_count(desk: Desk, alice: User, more: dict[str, Any]) -> None:
    chat = desk.talk(alice, "Hello")
    told = gauge.read_gauge(chat, name=MODEL)
    Message.objects.filter(chat=chat, role="assistant").update(**more)
    assert not gauge.read_gauge(chat, name=MODEL).measured
    assert gauge.read_gauge(chat, name=MODEL).used < told.used + 50


def test_a_summary_stands_where_the_older_part_ends_and_takes_its_place(
    desk: Desk, long_chat: Chat, alice: User
) -> None:
    before = [message.pk for message in read_thread(long_chat)]
    summary = sum_up(desk, long_chat)
    thread = [message.pk for message in read_thread(Chat.objects.get(pk=long_chat.pk))]
    assert [pk for pk in thread if pk != summary.pk] == before
    assert (summary.kind, summary.status, summary.content) == (
        "summary",
        "complete",
        "They told seven facts.",
    )
    below = thread[thread.index(summary.pk) + 1 :]
    answer = desk.ask(alice, "What did I say?", chat=Chat.objects.get(pk=long_chat.pk))
    assert desk.sent()[0] == ("system", planning.SUMMARY + "They told seven facts.")
    assert len(desk.sent()) == 1 + len(below) + 1
    assert "left_out" not in answer.numbers


def test_the_older_part_is_read_in_pieces_that_fit(desk: Desk, long_chat: Chat) -> None:
    before = len(desk.ollama.chats)
    sum_up(desk, long_chat)
    calls = desk.ollama.chats[before:]
    assert len(calls) > 1
    read = " ".join(message["content"] for call in calls for message in call.body["messages"])
    older = read_thread(Chat.objects.get(pk=long_chat.pk))
    place = next(at for at, message in enumerate(older) if message.kind == "summary")
    assert all(message.content[:8] in read for message in older[:place])
    assert all(call.body["options"]["num_ctx"] == WINDOW for call in calls)


def test_an_edited_summary_is_what_the_model_gets(desk: Desk, long_chat: Chat, alice: User) -> None:
    summary = sum_up(desk, long_chat)
    editing.edit_message(summary, content="Only the third fact matters.")
    desk.ask(alice, "So?", chat=Chat.objects.get(pk=long_chat.pk))
    assert desk.sent()[0][1].endswith("Only the third fact matters.")


def test_a_deleted_summary_gives_the_older_part_back(desk: Desk, long_chat: Chat, alice: User) -> None:
    summary = sum_up(desk, long_chat)
    editing.delete_message(summary)
    desk.ask(alice, "So?", chat=Chat.objects.get(pk=long_chat.pk))
    assert desk.sent()[0][0] == "user"


def test_a_failed_summary_stands_for_nothing_and_can_be_tried_again(desk: Desk, long_chat: Chat) -> None:
    desk.ollama.default = Script(fault=Fault.SERVER_ERROR)
    summary = summarising.summarise_chat(long_chat)
    desk.work()
    summary.refresh_from_db()
    assert (summary.status, summary.can_continue, summary.can_try_again) == ("failed", False, True)
    plan = planning.plan_for(long_chat, read_thread(long_chat), seen=snapshot.read(), name=MODEL)
    assert plan.system == ""
    desk.ollama.default = Script(tokens=["At last."])
    summarising.summarise_again(summary)
    desk.work()
    summary.refresh_from_db()
    assert (summary.status, summary.content) == ("complete", "At last.")


ENDS: dict[str, Script | None] = {
    "fails": Script(fault=Fault.SERVER_ERROR),
    "breaks off": Script(tokens=["They ", "told "], fault=Fault.RESET, after=1),
    "is stopped in line": None,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_summary_stands_until_another_one_is_whole(
    desk: Desk, long_chat: Chat, alice: User, client: Client, end: str
) -> None:
    summary = editing.edit_message(sum_up(desk, long_chat), content="Only the third fact matters.")
    desk.ollama.default = ENDS[end] or desk.ollama.default
    again = summarising.summarise_again(summary)
    if ENDS[end] is None:
        stopping.stop(again.pk)
    desk.work()
    summary.refresh_from_db()
    assert (summary.content, summary.stands_for_the_older) == ("Only the third fact matters.", True)
    assert summary.edited_at is not None
    client.force_login(alice)
    assert "this is the one before" in client.get(f"/chats/{long_chat.pk}/").text
    desk.ollama.default = Script(tokens=["They told seven facts, again."])
    summarising.summarise_again(summary)
    desk.work()
    written = Message.objects.get(pk=summary.pk)
    assert (written.content, written.edited_at, written.notices) == (
        "They told seven facts, again.",
        None,
        [],
    )


def test_a_summary_that_a_worker_left_behind_stands_as_before(desk: Desk, long_chat: Chat) -> None:
    summary = sum_up(desk, long_chat, "Seven facts.")
    summarising.summarise_again(summary)
    running = claim_answer(summary.pk)
    assert running is not None
    running.line.add(text="They told a lot of facts, and")
    running.save_progress()
    Message.objects.filter(pk=summary.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    pulse().forget(running)
    sweep.end_abandoned()
    summary.refresh_from_db()
    assert (summary.content, summary.stands_for_the_older) == ("Seven facts.", True)


def test_a_second_summary_takes_up_the_first(desk: Desk, long_chat: Chat, alice: User) -> None:
    sum_up(desk, long_chat, "First summary.")
    desk.ollama.default = Script(tokens=["Noted. "])
    for number in range(6):
        desk.ask(alice, f"More {number}: {LONG}", chat=Chat.objects.get(pk=long_chat.pk))
    before = len(desk.ollama.chats)
    sum_up(desk, long_chat, "Second summary.")
    first_call = desk.ollama.chats[before].body["messages"]
    assert "First summary." in first_call[0]["content"]
    desk.ask(alice, "So?", chat=Chat.objects.get(pk=long_chat.pk))
    assert "Second summary." in desk.sent()[0][1]
    assert "First summary." not in desk.sent()[0][1]


def test_a_chat_without_an_older_part_has_nothing_to_sum_up(desk: Desk, alice: User) -> None:
    chat = desk.talk(alice, "Hello")
    with pytest.raises(AppError):
        summarising.summarise_chat(chat)
    assert not Message.objects.filter(kind="summary").exists()


GIB = 2**30
CARD = 12


@pytest.mark.parametrize(
    ("file", "loaded", "on_cpu", "foreign", "comfyui", "total", "words"),
    [
        (5, 6, 0, 0, 0, CARD, ""),
        (5, 6, 3, 6, 0, CARD, "something else holds about 6 GB"),
        (5, 6, 3, 0, 8, CARD, "something else holds about 8 GB"),
        (5, 21, 9, 0, 0, CARD, "With a smaller one"),  # by its window
        (5, 21, 12, 3, 0, CARD, "With a smaller one"),
        (10, 21, 10, 1, 0, CARD, "something else holds"),  # before a smaller window can help
        (20, 22, 10, 0, 0, CARD, "larger than the card"),
        (20, 22, 10, 3, 0, CARD, "larger than the card"),
        (5, 21, 9, 0, 0, 0, "With a smaller one"),  # nobody reads the card: it holds 12 GB of the model
        (20, 22, 10, 0, 0, 0, "larger than the card"),
        (5, 6, 6, 0, 0, 0, "finds no card"),
        (5, 6, 6, 0, 17, 0, "something else holds about 17 GB"),
    ],
)
def test_a_model_on_the_cpu_is_told_with_the_true_reason_and_the_way_out(
    file: int, loaded: int, on_cpu: int, foreign: int, comfyui: int, total: int, words: str
) -> None:
    known = snapshot.Known(
        MODEL,
        file * GIB,
        loaded=True,
        size_loaded=loaded * GIB,
        size_vram=(loaded - on_cpu) * GIB,
    )
    card = monitor.Reading(total=total * GIB, foreign=foreign * GIB, comfyui=comfyui * GIB)
    told = gauge.slow_of(known, card)
    assert words in (told.sentence if told else "")
    assert bool(told) == bool(words)
    assert told is None or told.loud == ("larger" not in words and "no card" not in words)


def test_nothing_is_said_of_the_toy_model_on_the_cpu(alice: User) -> None:
    toy = snapshot.Known(MODEL, GIB, loaded=True, size_loaded=GIB)
    know_models(toy, kind="engine")
    assert gauge.read_slow(MODEL) is None
    know_models(toy)
    assert gauge.read_slow(MODEL)


def test_a_slow_model_is_named_as_people_know_it(alice: User) -> None:
    LanguageModel.objects.create(name=MODEL, label="The quick one")
    know_models(snapshot.Known(MODEL, 20 * GIB, loaded=True, size_loaded=22 * GIB, size_vram=12 * GIB))
    slow = gauge.read_slow(MODEL)
    assert slow is not None
    assert slow.sentence.startswith("The quick one is larger")


def test_the_page_tells_the_gauge_and_takes_the_wish(
    desk: Desk, long_chat: Chat, alice: User, client: Client
) -> None:
    client.force_login(alice)
    page = client.get(f"/chats/{long_chat.pk}/gauge/?model={MODEL}").content.decode()
    assert "nothing above this line" in page
    desk.ollama.default = Script(tokens=["In short."])
    assert client.post(f"/chats/{long_chat.pk}/summarise/").status_code == 302
    desk.work()
    assert "Summary of what stands above" in client.get(f"/chats/{long_chat.pk}/").content.decode()


@pytest.mark.parametrize(("method", "door"), [("get", "gauge"), ("post", "summarise")])
def test_a_stranger_finds_no_chat_to_measure(
    desk: Desk, long_chat: Chat, bob: User, client: Client, method: str, door: str
) -> None:
    client.force_login(bob)
    assert getattr(client, method)(f"/chats/{long_chat.pk}/{door}/").status_code == 404
