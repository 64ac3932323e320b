"""Titles in the model's words: in passing, or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import User
from chats import managing, sending, titles
from chats.models import Chat, Preferences
from gpu import arbiter
from gpu.models import ModelChoice
from gpu.services.ollama import Ollama
from tests.chats.conversation import MODEL
from tests.chats.desk import Desk
from tests.standins.ollama_script import Fault, Script
from tests.standins.wire import Call


@pytest.fixture(autouse=True)
def titled() -> Iterator[None]:
    with override_settings(CHAT_TITLES=True):
        yield


def asks_for_a_title(call: Call) -> bool:
    return "format" in call.body


def entitle(desk: Desk, title: str, **more: Any) -> None:
    desk.ollama.script(Script(tokens=[json.dumps({"title": title})], **more), when=asks_for_a_title)


def test_the_model_names_the_chat_in_the_persons_language(desk: Desk, alice: User) -> None:
    entitle(desk, "«Тепловой насос: устройство».")
    answer = desk.ask(alice, "Как работает тепловой насос?")
    chat = Chat.objects.get(pk=answer.chat_id)
    assert (chat.title, chat.titled_by) == ("Тепловой насос: устройство", "model")
    body = desk.asked()
    assert (body["think"], body["options"]["num_ctx"]) == (False, 8192)
    assert [load[1] for load in desk.ollama.loads] == [MODEL]
    desk.ask(alice, "И зимой?", chat=chat)
    assert not asks_for_a_title(desk.ollama.chats[-1])


@pytest.mark.parametrize("title", ["", "  ", "x" * 121, "one two three four five six seven eight nine"])
def test_what_is_no_title_leaves_the_first_words(desk: Desk, alice: User, title: str) -> None:
    for _try in range(2):
        entitle(desk, title)
    answer = desk.ask(alice, "Why is the sky blue?")
    assert Chat.objects.get(pk=answer.chat_id).title == "Why is the sky blue?"


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.GARBAGE, Fault.IGNORES_FORMAT])
def test_a_title_that_fails_costs_nothing_but_itself(desk: Desk, alice: User, fault: Fault) -> None:
    for _try in range(2):
        desk.ollama.script(Script(fault=fault, tokens=["Title:", " none"]), when=asks_for_a_title)
    answer = desk.ask(alice, "Hello there")
    assert (answer.status, Chat.objects.get(pk=answer.chat_id).title) == ("complete", "Hello there")


@pytest.mark.parametrize("resident", [True, False])
def test_the_model_chosen_for_titles_names_chats_only_while_it_is_loaded(
    desk: Desk, alice: User, resident: bool
) -> None:
    chosen = "smollm2-tools:135m"
    ModelChoice.objects.create(purpose="title", name=chosen)
    if resident:
        Ollama(desk.ollama.url).load(chosen, num_ctx=8192, keep_alive="5m").wait()
    entitle(desk, "Heat pumps")
    answer = desk.ask(alice, "How does a heat pump work?")
    assert Chat.objects.get(pk=answer.chat_id).title == "Heat pumps"
    assert desk.ollama.chats[-1].model == (chosen if resident else MODEL)
    assert [load[1] for load in desk.ollama.loads] == [*([chosen] if resident else []), MODEL]


def test_a_name_of_the_persons_own_stays(desk: Desk, alice: User) -> None:
    chat = desk.ask(alice, "one", says="1").chat
    managing.rename_chat(chat, title="Mine")
    desk.ask(alice, "two", chat=Chat.objects.get(pk=chat.pk))
    assert Chat.objects.get(pk=chat.pk).title == "Mine"
    assert not asks_for_a_title(desk.ollama.chats[-1])


@pytest.mark.parametrize("whose", ["person", "operator"])
def test_titles_can_be_turned_off(desk: Desk, alice: User, whose: str) -> None:
    Preferences.objects.create(user=alice, titles=whose != "person")
    with override_settings(CHAT_TITLES=whose != "operator"):
        desk.ask(alice, "Hello")
    assert len(desk.ollama.chats) == 1


def test_a_busy_card_has_no_time_for_titles(desk: Desk, alice: User) -> None:
    with override_settings(GPU_OLLAMA_SLOTS=1):
        first = sending.send_message(None, author=alice, content="first", model_name=MODEL)
        sending.send_message(None, author=alice, content="second", model_name=MODEL)
        desk.work()
    asked = [asks_for_a_title(call) for call in desk.ollama.chats]
    assert asked == [False, False, True]
    assert Chat.objects.get(pk=first.chat.pk).titled_by == "words"


def test_whoever_comes_meanwhile_waits_for_no_title(desk: Desk, alice: User, bob: User) -> None:
    entitle(desk, "A slow title", fault=Fault.SILENT, seconds=60)
    with override_settings(GPU_OLLAMA_SLOTS=1):
        sending.send_message(None, author=alice, content="first", model_name=MODEL)
        working = threading.Thread(target=desk.work)
        working.start()
        desk.ollama.wait_for(lambda: any(asks_for_a_title(call) for call in desk.ollama.chats))
        began = time.monotonic()
        sending.send_message(None, author=bob, content="second", model_name=MODEL)
        desk.ollama.wait_for(lambda: len(desk.ollama.chats) == 3)
        waited = time.monotonic() - began
        working.join(30)
    assert waited < 20  # of the minute that the title would have taken
    assert not arbiter.read().leases


def test_the_first_words_are_kept_after_a_few_tries(desk: Desk, alice: User) -> None:
    chat = None
    for number in range(titles.TRIES + 2):
        for _try in range(2):
            entitle(desk, "")
        chat = desk.ask(alice, f"Question {number}", chat=chat).chat
    asked = sum(asks_for_a_title(call) for call in desk.ollama.chats)
    assert asked == 2 * titles.TRIES
