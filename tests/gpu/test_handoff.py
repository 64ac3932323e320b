"""The card changes hands between services that behave, and between services that don't."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import translation

from gpu import arbiter, endpoints, handoff, sentences, snapshot
from gpu.arbiter import COMFYUI, OLLAMA, line
from gpu.arbiter.holding import keeper
from gpu.arbiter.state import FREED, NOBODY, UNKNOWN
from gpu.services.comfyui import ComfyUI
from gpu.services.ollama import Ask, Ollama
from gpu.services.wire import HungUpError
from live.redis import client
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import history, submit, txt2img
from tests.standins.comfyui_script import Garbage
from tests.standins.ollama import Loaded, ScriptedOllama
from tests.standins.ollama_script import Script
from tests.standins.process_manager import Manager, Program

pytestmark = pytest.mark.django_db
MODEL = "smollm2:135m"
QUICK = {
    "GPU_SETTLE": 0.0,
    "PROCESS_STARTUP_WAIT": 0.5,
    "GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI": False,  # so that the only switches are those asked for
}
SERVICE = {"chat": OLLAMA, "draw": COMFYUI}


@pytest.fixture(autouse=True)
def quick_settings() -> Iterator[None]:
    with override_settings(**QUICK), translation.override("en"):
        yield


@dataclass
class Pair:
    """Both services, the hand-overs that were begun, as (id, to whom), and the rows that were granted."""

    ollama: ScriptedOllama
    comfyui: ScriptedComfyUI
    begun: list[tuple[str, str]] = field(default_factory=list)
    granted: list[int] = field(default_factory=list)

    def hand_over(self) -> None:
        """Carry out the newest hand-over that was begun."""
        handoff.carry_out(self.begun.pop()[0])


@pytest.fixture
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running, override_settings(COMFYUI_URL=running.url):
        yield running


@pytest.fixture
def pair(ollama: ScriptedOllama, comfyui: ScriptedComfyUI) -> Pair:
    found = Pair(ollama, comfyui)
    line.hand_over_with(lambda switch_id, service: found.begun.append((switch_id, service)))
    arbiter.send_grants_with("test", lambda row_id, _lease_id: found.granted.append(row_id))
    return found


def ask(stage: str, row_id: int = 1) -> None:
    arbiter.enqueue(arbiter.Ticket("test", row_id, 0, service=SERVICE[stage], stage=stage))


def fill(comfyui: ScriptedComfyUI) -> None:
    """Have ComfyUI draw one picture, so that it keeps its models in memory."""
    prompt_id = submit(comfyui.url, txt2img())
    comfyui.wait_for(lambda: history(comfyui.url, prompt_id))
    assert comfyui.memory.used


@contextmanager
def working(pair: Pair) -> Iterator[None]:
    """Carry the newest hand-over out beside what follows."""
    thread = threading.Thread(target=pair.hand_over)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


@contextmanager
def answering(pair: Pair) -> Iterator[None]:
    """Have Ollama answer somebody else."""
    ask = Ask(MODEL, [{"role": "user", "content": "hi"}], num_ctx=2048, keep_alive="5m")
    stream = Ollama(pair.ollama.url).answer(ask)

    def read() -> None:
        with suppress(HungUpError):
            list(stream)

    thread = threading.Thread(target=read)
    thread.start()
    pair.ollama.wait_for(lambda: pair.ollama.intervals, 20)
    yield
    stream.hang_up()
    thread.join(20)


def fill_ollama(ollama: ScriptedOllama) -> None:
    Ollama(ollama.url).load(MODEL, num_ctx=2048, keep_alive="-1").wait()
    assert MODEL in ollama.loaded


def last_event(type_: str) -> dict[str, Any]:
    entries = client().xrevrange(line.diary_key())
    events = [json.loads(value) for _, fields in entries for value in fields.values()]
    return next(event for event in events if event["type"] == type_)


def refused(service: str) -> tuple[str, str]:
    """Return the code and the sentence (as admins read it) of the service's last failed hand-over."""
    card = arbiter.read()
    assert card.switch is None
    assert card.resident == UNKNOWN
    reason = card.broken[service].reason
    return json.loads(reason)["code"], sentences.explain(reason, admin=True)


# When all goes well


def test_a_picture_gets_the_card_once_ollama_shows_that_it_let_go(pair: Pair) -> None:
    fill_ollama(pair.ollama)
    ask("draw")
    assert pair.granted == []
    pair.hand_over()
    assert pair.granted == [1]
    assert not Ollama(pair.ollama.url).loaded()
    card = arbiter.read()
    assert (card.resident, card.switch, card.broken) == (COMFYUI, None, {})
    parts = last_event("switched")["parts"]
    assert set(parts) == {"ollama_out", "comfyui_ready"}


def test_a_chat_gets_the_card_once_comfyui_has_freed_its_memory(pair: Pair) -> None:
    pair.comfyui.free_seconds = 0.2  # /free answers at once and acts later
    fill(pair.comfyui)
    ask("chat")
    assert pair.begun[-1][1] == OLLAMA
    pair.hand_over()
    assert pair.granted == [1]
    assert not pair.comfyui.memory.used
    assert arbiter.read().resident == OLLAMA
    assert last_event("switched")["parts"]["comfyui_out"] >= 0.15


def test_a_picture_of_somebody_else_ends_before_the_card_goes(pair: Pair) -> None:
    pair.comfyui.picture_seconds = 0.3
    prompt_id = submit(pair.comfyui.url, txt2img())
    ask("chat")
    pair.hand_over()
    assert pair.granted == [1]
    assert history(pair.comfyui.url, prompt_id)["status"]["completed"]


def test_a_freed_card_is_empty(pair: Pair) -> None:
    fill_ollama(pair.ollama)
    fill(pair.comfyui)
    arbiter.transact("wish", service=FREED, force=False)
    pair.hand_over()
    assert arbiter.read().resident == NOBODY
    assert not Ollama(pair.ollama.url).loaded()
    assert not pair.comfyui.memory.used


@override_settings(GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI=True)
def test_the_idle_card_goes_back_to_ollama_with_its_default_model_loaded(pair: Pair) -> None:
    default = snapshot.refresh().default_model()
    arbiter.tick()
    pair.hand_over()
    assert arbiter.read().resident == OLLAMA
    assert list(pair.ollama.loaded) == [default]


@override_settings(GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI=True)
def test_who_comes_while_the_default_model_is_loaded_does_not_wait_for_it(pair: Pair) -> None:
    snapshot.refresh()
    pair.ollama.load_seconds = 60.0
    arbiter.tick()
    with working(pair):
        pair.ollama.wait_for(lambda: pair.ollama.intervals, 20)
        ask("chat")
        pair.ollama.wait_for(lambda: pair.granted, 30)
    assert not pair.ollama.loads


def test_a_waiting_chat_is_not_delayed_by_loading_the_default_model(pair: Pair) -> None:
    snapshot.refresh()
    ask("chat")
    pair.hand_over()
    assert pair.granted == [1]
    assert not pair.ollama.loads


def test_a_hand_over_delivered_twice_is_carried_out_once(pair: Pair) -> None:
    ask("draw")
    switch_id, _ = pair.begun.pop()
    handoff.carry_out(switch_id)
    handoff.carry_out(switch_id)
    assert pair.granted == [1]
    assert pair.begun == []


def test_a_service_that_is_not_there_holds_nothing(pair: Pair) -> None:
    pair.ollama.stop()
    ask("draw")
    pair.hand_over()
    assert pair.granted == [1]


# When a service does not let go


@override_settings(PROCESS_SWITCH_TIMEOUT=0.5)
def test_ollama_that_keeps_its_memory_is_told(pair: Pair) -> None:
    pair.ollama.ignores_unload = True
    fill_ollama(pair.ollama)
    ask("draw")
    pair.hand_over()
    code, sentence = refused(COMFYUI)
    assert code == "keeps_memory"
    assert sentence.startswith("Ollama does not give its memory back.")
    assert pair.granted == []


@override_settings(PROCESS_SWITCH_TIMEOUT=0.5)
def test_comfyui_that_keeps_its_memory_is_told(pair: Pair) -> None:
    pair.comfyui.free_seconds = None
    fill(pair.comfyui)
    ask("chat")
    pair.hand_over()
    code, sentence = refused(OLLAMA)
    assert code == "keeps_memory"
    assert sentence.startswith("ComfyUI does not give its memory back.")
    assert pair.granted == []


def test_a_service_that_hangs_may_still_hold_the_card(pair: Pair) -> None:
    arbiter.transact("see", resident=COMFYUI)
    pair.comfyui.hangs = True
    ask("chat")
    pair.hand_over()
    code, sentence = refused(OLLAMA)
    assert code == "hangs"
    assert "ComfyUI hangs and does not say whether it holds the card." in sentence
    assert pair.granted == []


@override_settings(COMFYUI_TIMEOUT=0.3)
def test_comfyui_that_computes_for_somebody_else_for_too_long_is_told(pair: Pair) -> None:
    pair.comfyui.picture_seconds = 30
    submit(pair.comfyui.url, txt2img())
    pair.comfyui.wait_for(lambda: pair.comfyui.memory.used)
    ask("chat")
    pair.hand_over()
    code, sentence = refused(OLLAMA)
    assert code == "computing"
    assert sentence.startswith("ComfyUI is still computing for somebody else")
    assert pair.granted == []
    assert pair.comfyui.engine.memory.used  # nothing was taken from whoever draws there
    assert not pair.comfyui.called("/interrupt")


def test_the_process_manager_stops_what_keeps_its_memory_and_starts_it_again(
    pair: Pair, tmp_path: Path
) -> None:
    program = Program("ollama")
    known = {"PROCESS_SWITCH_TIMEOUT": 4.0, "OLLAMA_URL": program.url}
    with Manager(tmp_path, program) as manager, managed(manager, **known):
        before = manager.post("/start?service=ollama")[1]["pid"]
        program.show(models=[MODEL], holds_on=True)
        ask("draw")
        pair.hand_over()
        after = manager.until("ollama", ready=True)
    assert pair.granted == [1]
    assert arbiter.read().resident == COMFYUI
    assert after["pid"] != before


def test_a_service_that_can_not_be_stopped_is_told_in_the_managers_words(pair: Pair, tmp_path: Path) -> None:
    pair.ollama.ignores_unload = True
    fill_ollama(pair.ollama)
    program = Program("ollama", url=pair.ollama.url)  # somebody else started it: the manager may not stop it
    with Manager(tmp_path, program) as manager, managed(manager):
        ask("draw")
        pair.hand_over()
    code, sentence = refused(COMFYUI)
    assert code == "not_stopped"
    assert sentence.startswith("Ollama does not give its memory back and could not be stopped: ")
    assert pair.granted == []


@pytest.mark.parametrize("garbage", [Garbage.HTML, Garbage.BAD_GATEWAY, Garbage.CUT_JSON, Garbage.OTHER_JSON])
def test_comfyui_that_babbles_may_still_hold_the_card(pair: Pair, garbage: Garbage) -> None:
    fill(pair.comfyui)
    pair.comfyui.garbage = garbage
    ask("chat")
    pair.hand_over()
    code, sentence = refused(OLLAMA)
    assert (code, pair.granted) == ("garbled", [])
    assert sentence.startswith("ComfyUI answers what cannot be understood and may still hold the card.")


@pytest.mark.parametrize(
    "garbage", [(500, '{"error": "oops"}'), (502, "<h1>502</h1>"), (200, '{"models": ['), (200, "{}")]
)
def test_ollama_that_babbles_may_still_hold_the_card(pair: Pair, garbage: tuple[int, str]) -> None:
    fill_ollama(pair.ollama)
    pair.ollama.garbage = garbage
    ask("draw")
    pair.hand_over()
    assert (refused(COMFYUI)[0], pair.granted) == ("garbled", [])


def test_a_service_that_babbles_for_a_moment_is_looked_at_again(pair: Pair) -> None:
    fill(pair.comfyui)
    pair.comfyui.reset()
    pair.comfyui.garbage = Garbage.BAD_GATEWAY
    ask("chat")
    with working(pair):
        pair.comfyui.wait_for(lambda: pair.comfyui.calls, 20)
        pair.comfyui.garbage = None
    assert pair.granted == [1]
    assert not pair.comfyui.memory.used


@override_settings(COMFYUI_URL="")
def test_another_program_where_comfyui_might_be_holds_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "CUSTOMARY_COMFYUI", pair.comfyui.url)
    pair.comfyui.garbage = Garbage.HTML
    ask("chat")
    pair.hand_over()
    assert pair.granted == [1]


@override_settings(PROCESS_SWITCH_TIMEOUT=0.5)
def test_a_loaded_model_that_was_removed_keeps_the_card(pair: Pair) -> None:
    fill_ollama(pair.ollama)
    Ollama(pair.ollama.url).delete(MODEL)
    ask("draw")
    pair.hand_over()
    assert (refused(COMFYUI)[0], pair.granted) == ("keeps_memory", [])


@override_settings(PROCESS_SWITCH_TIMEOUT=0.5)
def test_an_answer_of_somebody_else_ends_before_the_card_goes(pair: Pair) -> None:
    pair.ollama.script(Script(tokens=["long ago"], first_byte_after=1.5))
    with answering(pair):
        ask("draw")
        pair.hand_over()
    assert pair.granted == [1]
    assert not pair.ollama.running


@override_settings(COMFYUI_TIMEOUT=0.3)
def test_ollama_that_answers_somebody_else_for_too_long_is_told_and_not_stopped(
    pair: Pair, tmp_path: Path
) -> None:
    pair.ollama.script(Script(tokens=["long ago"], first_byte_after=20))
    program = Program("ollama", url=pair.ollama.url)
    with Manager(tmp_path, program) as manager, managed(manager), answering(pair):
        ask("draw")
        pair.hand_over()
        assert pair.ollama.running
    code, sentence = refused(COMFYUI)
    assert (code, pair.granted) == ("computing", [])
    assert sentence.startswith("Ollama is still computing for somebody else")


@override_settings(GPU_SETTLE=2.0)
def test_a_model_that_is_being_loaded_is_seen_and_unloaded(pair: Pair) -> None:
    pair.ollama.load_seconds = 0.5
    with answering(pair):
        assert not Ollama(pair.ollama.url).loaded()
        ask("draw")
        pair.hand_over()
    assert pair.granted == [1]
    assert not pair.ollama.loaded or pair.ollama.loaded[MODEL].expires_at <= time.time()


def test_comfyui_that_tells_of_no_memory_is_asked_for_it_all_the_same(pair: Pair) -> None:
    assert not pair.comfyui.memory.used
    ask("chat")
    pair.hand_over()
    assert pair.comfyui.called("/free")


# When a service does not come


def test_a_service_that_is_not_there_is_told(pair: Pair) -> None:
    pair.comfyui.stop()
    ask("draw")
    pair.hand_over()
    code, sentence = refused(COMFYUI)
    assert code == "not_there"
    assert sentence.startswith("ComfyUI does not answer.")
    assert pair.granted == []


def test_ollama_that_is_not_there_is_told(pair: Pair) -> None:
    pair.ollama.stop()
    ask("chat")
    pair.hand_over()
    code, sentence = refused(OLLAMA)
    assert (code, pair.granted) == ("not_there", [])
    assert sentence.startswith("Ollama does not answer.")


@pytest.mark.parametrize("garbage", [Garbage.HTML, Garbage.BAD_GATEWAY, Garbage.CUT_JSON, Garbage.OTHER_JSON])
def test_garbage_is_not_taken_for_a_ready_service(pair: Pair, garbage: Garbage) -> None:
    pair.comfyui.garbage = garbage
    ask("draw")
    pair.hand_over()
    assert refused(COMFYUI)[0] == "not_there"
    assert pair.granted == []


def test_a_service_that_hangs_is_given_up(pair: Pair) -> None:
    pair.comfyui.hangs = True
    ask("draw")
    pair.hand_over()  # renewed meanwhile: it takes as long as the client waits
    code, sentence = refused(COMFYUI)
    assert (code, pair.granted) == ("not_there", [])
    assert sentence.startswith("ComfyUI does not answer.")


def test_the_process_manager_starts_what_is_not_there(pair: Pair, tmp_path: Path) -> None:
    program = comfyui_program()
    known = {"PROCESS_SWITCH_TIMEOUT": 20, "COMFYUI_URL": program.url}
    with Manager(tmp_path, program) as manager, managed(manager, **known):
        ask("draw")
        pair.hand_over()
        assert pair.granted == [1]
        assert manager.service("comfyui")["ready"]


@pytest.mark.parametrize(
    ("options", "wait"),
    [
        (["--does-not-start", "ends"], 20.0),  # starts and dies
        (["--does-not-start", "silent"], 1.0),  # never listens
        (["--hangs"], 3.0),
        (["--garbage", "HTML"], 20.0),  # answers
    ],
)
def test_a_service_that_does_not_start_is_told_in_the_managers_words(
    pair: Pair, tmp_path: Path, options: list[str], wait: float
) -> None:
    program = comfyui_program(*options)
    known = {"PROCESS_SWITCH_TIMEOUT": wait, "COMFYUI_URL": program.url}
    with Manager(tmp_path, program) as manager, managed(manager, **known):
        ask("draw")
        pair.hand_over()
    code, sentence = refused(COMFYUI)
    assert (code, pair.granted) == ("not_started", [])
    text = json.loads(arbiter.read().broken[COMFYUI].reason).get("text", "")
    assert bool(text) == ("--garbage" not in options)  # to the manager, whatever answers is ready
    assert sentence.startswith(f"ComfyUI does not start: {text}" if text else "ComfyUI does not start. ")


def test_what_nobody_foresaw_leaves_the_card_in_order(pair: Pair) -> None:
    class Odd(Loaded):
        def entry(self) -> dict[str, Any]:
            return {"name": MODEL, "size": "a lot"}

    fill_ollama(pair.ollama)
    pair.ollama.loaded[MODEL] = Odd(**vars(pair.ollama.loaded[MODEL]))
    ask("draw")
    pair.hand_over()
    code, sentence = refused(COMFYUI)
    assert (code, pair.granted) == ("unforeseen", [])
    assert sentence.startswith("Handing the card to ComfyUI failed for an unforeseen reason")


# Afterwards


def test_a_hand_over_lost_in_the_middle_leaves_nothing(pair: Pair) -> None:
    fill(pair.comfyui)
    pair.comfyui.picture_seconds = 30
    prompt_id = submit(pair.comfyui.url, txt2img(seed=2))
    pair.comfyui.wait_for(lambda: ComfyUI(pair.comfyui.url).is_computing())
    ask("chat")
    working = threading.Thread(target=handoff.carry_out, args=[pair.begun.pop()[0]])
    working.start()
    pair.comfyui.wait_for(lambda: (switch := arbiter.read().switch) and switch.claimed_at)
    client().delete(line.card_key())
    working.join(20)
    assert not working.is_alive()
    assert not pair.comfyui.called("/free")  # it has stopped, in the middle of its wait
    ComfyUI(pair.comfyui.url).interrupt(prompt_id)
    assert not keeper()._held
    card = arbiter.read()
    assert (card.switch, card.leases, card.broken) == (None, [], {})
    ask("chat")
    pair.hand_over()
    assert pair.granted == [1]


def test_three_failures_open_the_breaker_and_a_retry_closes_it(pair: Pair) -> None:
    pair.comfyui.stop()
    ask("draw")
    pair.hand_over()
    for failures in (2, 3):
        assert not last_event("switch_failed")["opened"]
        handoff.carry_out(begin_after_the_pause())
        assert arbiter.read().broken[COMFYUI].failures == failures
    assert last_event("switch_failed")["opened"]
    arbiter.tick()
    assert pair.begun == []  # it is left alone
    ask("chat", 2)
    pair.hand_over()
    assert pair.granted == [2]  # chats go on meanwhile
    arbiter.transact("release", lease_id=arbiter.read().leases[0].id, used=0)
    pair.comfyui.start()
    assert arbiter.transact("retry", service=COMFYUI).answer
    pair.hand_over()
    assert pair.granted == [2, 1]
    assert not arbiter.read().broken


def begin_after_the_pause() -> str:
    """Return the next hand-over's id, begun as soon as the service is no more left alone."""
    later = arbiter.read().broken[COMFYUI].until + 1
    return str(line.evaluate("tick", {}, line.rules(), later)["switch"]["id"])


def managed(manager: Manager, **more: Any) -> Any:
    """Return the settings with which the app uses this process manager."""
    return override_settings(PROCESS_MANAGER_API_URL=manager.url, **{"PROCESS_SWITCH_TIMEOUT": 2.0, **more})


def comfyui_program(*options: str) -> Program:
    """Return the scripted ComfyUI as a service of a process manager."""
    program = Program("comfyui")
    words = [sys.executable, "-m", "tests.standins.comfyui", "--port", str(program.port), *options]
    program.settings["command"] = words
    return program
