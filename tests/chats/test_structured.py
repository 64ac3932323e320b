from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chats.structured import Check, Json, Structured, UnusableError, ask_for_json, find_json
from gpu.models import LanguageModel
from gpu.snapshot import Known
from tests.standins.ollama import ScriptedOllama
from tests.standins.ollama_script import Fault, Script

pytestmark = pytest.mark.django_db

PLAIN = Known("smollm2:135m", 1, ("completion",), 8192, "llama")
THINKER = Known("smollm2-think:135m", 1, ("completion", "thinking"), 8192, "qwen3")
SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
DEFAULTS: Json = {"n": 42}
QUESTION = [{"role": "user", "content": "How many?"}]


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running:
        yield running


def check(data: Json) -> Json:
    """Return `n`, when it is a small number."""
    if not 0 < int(data["n"]) < 10:
        raise ValueError
    return {"n": int(data["n"])}


def ask(
    ollama: ScriptedOllama, model: Known = PLAIN, timeout: float = 10, check: Check = check
) -> Structured:
    return ask_for_json(
        ollama.url,
        model=model,
        messages=list(QUESTION),
        schema=SCHEMA,
        check=check,
        defaults=DEFAULTS,
        timeout=timeout,
    )


def says(text: str) -> Script:
    return Script(tokens=[text], fault=Fault.IGNORES_FORMAT)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('{"n": 3}', {"n": 3}),
        ('Sure! Here it is:\n```json\n{"n": 3}\n```\nAnything else?', {"n": 3}),
        ('{"n": 1} no, rather {"n": 2}', {"n": 2}),
        ('{"n": 1} and {"n": 99}', {"n": 1}),
        ('{"n": 1} and {"m": 2}', {"n": 1}),
        ('{"n": "3"}', {"n": 3}),
        ('{ broken {"n": 3}', {"n": 3}),
        ('{"n": 3', None),
        ('{"n": "many"}', None),
        ('{"n": null}', None),
        ("[3]", None),
        ("{}", None),
        ("three", None),
        ("", None),
        ("{" * 300, None),
        ('{"n":' * 5000, None),
    ],
)
def test_the_last_usable_object_of_an_answer_is_found(text: str, data: Json | None) -> None:
    assert find_json(text, check) == data


def test_a_model_that_obeys_is_asked_once(ollama: ScriptedOllama) -> None:
    assert ask(ollama) == Structured({"n": 1})
    (call,) = ollama.chats
    assert call.body["format"] == SCHEMA
    assert (call.body["stream"], call.body["think"]) == (False, False)
    assert call.body["messages"] == QUESTION


def test_json_in_the_prose_of_a_model_that_ignores_the_format_is_found(ollama: ScriptedOllama) -> None:
    ollama.script(says('I think it is {"n": 7}, more or less.'))
    assert ask(ollama) == Structured({"n": 7})
    assert len(ollama.chats) == 1


def test_what_a_model_thinks_is_not_taken_for_its_answer(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=['{"n": 2}'], thinking=['Maybe {"n": 9}?']))
    assert ask(ollama, THINKER) == Structured({"n": 2})


def test_an_unusable_answer_is_repaired_once(ollama: ScriptedOllama) -> None:
    ollama.script(says("Many."))
    ollama.script(says('{"n": 5}'))
    assert ask(ollama) == Structured({"n": 5})
    repair = ollama.chats[1].body["messages"]
    assert repair[:2] == [*QUESTION, {"role": "assistant", "content": "Many."}]
    assert '"required": ["n"]' in repair[2]["content"]


def test_the_model_is_told_what_was_wrong_with_its_answer(ollama: ScriptedOllama) -> None:
    def refuse(data: Json) -> Json:
        raise UnusableError("The number is too large.")

    ollama.default = says('{"n": 5}')
    ask(ollama, check=refuse)
    assert ollama.chats[1].body["messages"][-1]["content"].startswith("The number is too large. Answer with")


@pytest.mark.parametrize("words", ["Many.", "", '{"n": 1000}'])
def test_two_unusable_answers_leave_the_defaults_with_a_notice(ollama: ScriptedOllama, words: str) -> None:
    ollama.default = says(words)
    assert ask(ollama) == Structured(DEFAULTS, "unusable")
    assert len(ollama.chats) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault.NOT_FOUND,
        Fault.SERVER_ERROR,
        Fault.QUEUE_FULL,
        Fault.FORBIDDEN,
        Fault.CONTEXT,
        Fault.GARBAGE,
        Fault.RESET,
    ],
)
def test_a_service_that_fails_leaves_the_defaults_with_a_notice(ollama: ScriptedOllama, fault: Fault) -> None:
    ollama.default = Script(fault=fault)
    assert ask(ollama) == Structured(DEFAULTS, "unreachable")


def test_a_service_that_is_down_leaves_the_defaults_with_a_notice(ollama: ScriptedOllama) -> None:
    ollama.stop()
    assert ask(ollama) == Structured(DEFAULTS, "unreachable")


def test_a_service_that_says_nothing_is_not_waited_for_any_longer(ollama: ScriptedOllama) -> None:
    ollama.default = Script(fault=Fault.SILENT, seconds=20)
    began = time.monotonic()
    assert ask(ollama, timeout=0.3) == Structured(DEFAULTS, "unreachable")
    assert time.monotonic() - began < 5


def test_the_window_and_the_time_in_memory_are_the_models_own(ollama: ScriptedOllama) -> None:
    LanguageModel.objects.create(name=PLAIN.name, num_ctx=2048, keep_alive="5m")
    ask(ollama)
    (call,) = ollama.chats
    assert (call.body["options"]["num_ctx"], call.body["keep_alive"]) == (2048, "5m")


@pytest.mark.parametrize(
    ("capabilities", "family", "think", "more_room"),
    [
        (("completion",), "llama", False, False),
        (("completion", "thinking"), "qwen3", False, True),
        (("completion", "thinking"), "gptoss", "low", True),
    ],
)
def test_a_model_that_cannot_stop_thinking_gets_room_for_it(
    ollama: ScriptedOllama, capabilities: tuple[str, ...], family: str, think: object, more_room: bool
) -> None:
    ask(ollama, Known(THINKER.name, 1, capabilities, 8192, family))
    (call,) = ollama.chats
    assert call.body["think"] == think
    assert (call.body["options"]["num_predict"] > 1024) is more_room
