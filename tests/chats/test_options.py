"""Instructions and sampling: a person's own, and a chat's before them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import AppError
from accounts.models import User
from chats import options
from chats.models import Chat, Preferences
from gpu.models import LanguageModel
from tests.chats.conversation import MODEL
from tests.chats.desk import Desk
from tests.standins.ollama_script import Model, Script


def test_a_chats_own_go_before_the_persons() -> None:
    merged = options.merge(
        ("Be brief.", {"temperature": 0.2, "seed": 7, "think": "on"}),
        ("Rhyme.", {"temperature": 1.5, "think": "", "budget": 2048}),
    )
    assert (merged.system, merged.sampling) == ("Rhyme.", {"temperature": 1.5, "seed": 7})
    assert (merged.think, merged.budget, merged.num_predict) == ("on", 2048, None)


def test_numbers_are_read_as_people_write_them() -> None:
    assert options.read({"temperature": "0,7", "top_k": "40", "seed": "", "think": "low"}) == {
        "temperature": 0.7,
        "top_k": 40,
        "think": "low",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "2.1"), ("temperature", "nan"), ("temperature", "inf"), ("temperature", "warm"),
        ("top_p", -1), ("top_k", 0), ("top_k", "1.5"), ("seed", -1), ("seed", 2**31), ("num_predict", 0),
        ("budget", 100), ("think", "hard"), ("temperature", [1]), ("seed", {"a": 1}),
    ],
)  # fmt: skip
def test_what_no_model_takes_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(AppError) as caught:
        options.read({name: value})
    assert list(caught.value.fields or {}) == [name]


@given(
    st.dictionaries(st.sampled_from([*options.BOUNDS, "think", "other"]), st.text() | st.floats() | st.none())
)
def test_whatever_is_sent_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        found = options.read(data)
    except AppError:
        return
    assert set(found) <= {*options.BOUNDS, "think"}
    assert options.read(found) == found


@pytest.mark.parametrize(
    ("wish", "thinks", "has_levels", "value"),
    [
        ("", False, False, False), ("on", False, False, False), ("", True, False, True),
        ("off", True, False, False), ("low", True, False, True), ("off", True, True, "low"),
        ("", True, True, "medium"), ("on", True, True, "medium"), ("high", True, True, "high"),
    ],
)  # fmt: skip
def test_thinking_is_asked_for_as_the_model_takes_it(
    wish: str, thinks: bool, has_levels: bool, value: bool | str
) -> None:
    assert options.think_value(wish, thinks=thinks, has_levels=has_levels) == value


def test_how_much_is_thought_for_a_message_holds_for_the_chat(desk: Desk, alice: User) -> None:
    chat = desk.talk(alice, "one")
    Chat.objects.filter(pk=chat.pk).update(options={"seed": 5})
    desk.ask(alice, "two", chat=Chat.objects.get(), think="off")
    desk.ask(alice, "three", chat=Chat.objects.get())
    assert Chat.objects.get().options == {"seed": 5, "think": "off"}


def test_the_model_gets_instructions_sampling_and_its_own_window(desk: Desk, alice: User) -> None:
    Preferences.objects.create(
        user=alice, system_prompt="Be brief.", options={"top_p": 0.5, "temperature": 0.1}
    )
    chat = desk.talk(alice, "one")
    Chat.objects.filter(pk=chat.pk).update(options={"temperature": 1.2, "num_predict": 99, "seed": 5})
    desk.ask(alice, "two", chat=Chat.objects.get(pk=chat.pk))
    body = desk.asked()
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    wanted = {"temperature": 1.2, "top_p": 0.5, "seed": 5, "num_predict": 99}
    assert {name: body["options"][name] for name in wanted} == wanted
    assert body["options"]["num_ctx"] == 8192


def test_a_smaller_budget_sends_less_and_never_reloads_the_model(desk: Desk, alice: User) -> None:
    chat = desk.talk(alice, *(f"{number} " + "word " * 300 for number in range(5)))
    Chat.objects.filter(pk=chat.pk).update(options={"budget": 1024})
    answer = desk.ask(alice, "and now?", chat=Chat.objects.get(pk=chat.pk))
    assert answer.numbers["left_out"] > 0
    assert desk.asked()["options"]["num_ctx"] == 8192


def test_the_thoughts_are_kept_timed_and_never_sent_back(desk: Desk, alice: User) -> None:
    desk.ollama.models[MODEL] = Model(MODEL, ("completion", "thinking"))
    desk.opened()
    desk.ollama.script(Script(tokens=["So."], thinking=["Hm", ", let me see", "."], rate=20))
    answer = desk.ask(alice, "why?")
    assert (answer.thinking, answer.content) == ("Hm, let me see.", "So.")
    assert answer.numbers["thinking"] > 0
    assert "Thought for" in answer.thought_line
    desk.ask(alice, "and?", chat=answer.chat)
    assert all("let me see" not in text for _role, text in desk.sent())


def test_a_prompt_that_ollama_cut_by_itself_is_told_and_teaches_nothing(desk: Desk, alice: User) -> None:
    # The stand-in counts a token for four bytes: here 419 of the 754 that were measured for such a text.
    LanguageModel.objects.create(name=MODEL, num_ctx=1024, bytes_per_token=2.2)
    answer = desk.ask(alice, "x" * 1660)
    assert answer.numbers["dropped"] == 56
    assert any("dropped the rest" in line for line in answer.notices)
    assert LanguageModel.objects.get(name=MODEL).bytes_per_token == 2.2
