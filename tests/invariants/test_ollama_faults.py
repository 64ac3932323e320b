"""Whatever Ollama does: the right state, the text kept, a sentence that a person understands."""

from __future__ import annotations

import time

import pytest

from tests.invariants.pages import Page
from tests.processes import App, Person
from tests.standins.ollama_script import Fault, Script

pytestmark = pytest.mark.processes
WORDS = [f"w{n} " for n in range(30)]
WHOLE = "".join(WORDS)
AT_ONCE = 10.0  # seconds, on a busy machine; the answer itself takes three times as long

BEFORE_THE_FIRST_TOKEN = [
    (Fault.NOT_FOUND, "model_missing", "not installed"),
    (Fault.SERVER_ERROR, "service_failed", "error of its own"),
    (Fault.QUEUE_FULL, "service_busy", "queue is full"),
    (Fault.FORBIDDEN, "service_refused", "OLLAMA_URL"),
    (Fault.CONTEXT, "context_full", "longer"),
    (Fault.GARBAGE, "cut_off", "connection"),
]
IN_MID_ANSWER = [
    (Fault.GARBAGE_LINE, "failed", "garbled"),
    (Fault.RESET, "interrupted", "cut_off"),
    (Fault.CLOSE, "interrupted", "cut_off"),
    (Fault.HALF_LINE, "interrupted", "cut_off"),
    (Fault.ERROR_LINE, "failed", "model_failed"),
    (Fault.NO_DONE, "interrupted", "ended_early"),
]


@pytest.mark.parametrize(("fault", "code", "words"), BEFORE_THE_FIRST_TOKEN)
def test_a_refused_call_fails_with_its_sentence(
    app: App, alice: Person, fault: Fault, code: str, words: str
) -> None:
    app.ollama.default = Script(tokens=WORDS, fault=fault)
    told = app.wait_for_answer(alice, *app.send(alice, "hello"))
    assert (told["status"], told["error_code"], told["content"]) == ("failed", code, "")
    assert words in told["error"]


@pytest.mark.parametrize(("fault", "status", "code"), IN_MID_ANSWER)
def test_a_broken_answer_keeps_its_text(
    app: App, alice: Person, fault: Fault, status: str, code: str
) -> None:
    app.ollama.script(Script(tokens=WORDS, fault=fault, after=7))
    told = app.wait_for_answer(alice, *app.send(alice, "hello"))
    assert (told["status"], told["error_code"]) == (status, code)
    assert told["content"] == (WHOLE if fault is Fault.NO_DONE else "".join(WORDS[:7]))
    assert "kept" in told["error"]


@pytest.mark.parametrize("fault", [Fault.SPLIT_UTF8, Fault.COALESCED, Fault.DRIP])
def test_packets_may_be_cut_anywhere(app: App, alice: Person, fault: Fault) -> None:
    tokens = ["Привет", ", ", "мир", " 🌍", "!\n", "и ещё"]
    app.ollama.script(Script(tokens=tokens, fault=fault))
    told = app.wait_for_answer(alice, *app.send(alice, "hello"))
    assert (told["status"], told["content"]) == ("complete", "".join(tokens))


def test_half_a_line_and_a_clean_end_is_garbled(app: App, alice: Person) -> None:
    app.ollama.script(Script(tokens=WORDS, fault=Fault.HALF_LINE_END, after=7))
    told = app.wait_for_answer(alice, *app.send(alice, "hello"))
    assert told["status"] in {"failed", "interrupted"}
    assert told["content"] == "".join(WORDS[:7])


def test_ollama_that_is_gone_is_named_and_the_message_is_safe(app: App, alice: Person) -> None:
    app.ollama.stop()
    try:
        chat, answer = app.send(alice, "hello")
        told = app.wait_for_answer(alice, chat, answer)
        assert (told["status"], told["error_code"]) == ("failed", "service_down")
        assert app.ollama.url in told["error"]
    finally:
        app.ollama.start()
    assert app.call(alice, f"/api/chats/{chat}").json()["messages"][0]["content"] == "hello"


def test_a_silent_ollama_is_loading_and_never_a_failure(app: App, alice: Person) -> None:
    app.ollama.script(Script(tokens=WORDS, fault=Fault.SILENT, seconds=4))
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_until(lambda: any(f.get("status") in {"loading", "waiting"} for f in page.frames))
        assert page.hear_end(answer)["status"] == "complete"
    assert app.answer(alice, chat, answer)["content"] == WHOLE


@pytest.mark.long
def test_sixty_seconds_without_a_byte_are_still_loading_and_cancellable(app: App, alice: Person) -> None:
    app.ollama.script(Script(tokens=WORDS, fault=Fault.SILENT, seconds=90))
    chat, answer = app.send(alice, "hello")
    time.sleep(61)
    assert app.answer(alice, chat, answer)["status"] == "streaming"
    with Page(app, alice) as page:
        page.join(answer)
        page.say(op="stop", kind="message", id=answer)
        assert page.hear_end(answer)["status"] == "stopped"


def test_stop_hangs_up_at_once_and_keeps_the_text(app: App, alice: Person) -> None:
    app.ollama.script(Script(tokens=WORDS * 20, rate=20))
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 8)
        asked = time.time()
        page.say(op="stop", kind="message", id=answer)
        assert page.hear_end(answer)["status"] == "stopped"
    call = app.ollama.chats[-1]
    app.ollama.wait_for(lambda: call.closed_at)
    assert call.closed_at is not None
    assert call.closed_at - asked < AT_ONCE
    told = app.answer(alice, chat, answer)
    assert told["status"] == "stopped"
    assert told["content"].startswith(page.text[answer])


def test_stop_hangs_up_before_the_first_byte_too(app: App, alice: Person) -> None:
    app.ollama.script(Script(tokens=WORDS, fault=Fault.SILENT, seconds=30))
    chat, answer = app.send(alice, "hello")
    app.ollama.wait_for(lambda: app.ollama.chats)
    time.sleep(0.2)
    asked = time.time()
    assert app.call(alice, f"/api/chats/{chat}/messages/{answer}/stop", {}).status_code == 204
    call = app.ollama.chats[-1]
    app.ollama.wait_for(lambda: call.closed_at)
    assert call.closed_at is not None
    assert call.closed_at - asked < AT_ONCE
    assert app.wait_for_answer(alice, chat, answer)["status"] == "stopped"
