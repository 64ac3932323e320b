from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import override_settings

from gpu import arbiter, snapshot, warming
from gpu.arbiter import COMFYUI, line
from tests.standins.ollama import ScriptedOllama

pytestmark = pytest.mark.django_db
MODEL = "smollm2:135m"


@pytest.fixture
def leases(ollama: ScriptedOllama) -> list[tuple[int, str]]:
    """The grants of warming, on a card that Ollama has."""
    granted: list[tuple[int, str]] = []
    arbiter.send_grants_with(
        warming.KIND, lambda row, lease_id: granted.append((row, lease_id)), wanted=warming.still_wanted
    )
    snapshot.refresh()
    arbiter.transact("see", resident=arbiter.OLLAMA)
    line.hand_over_with(lambda _switch_id, _service: None)
    return granted


def test_a_free_card_loads_the_model_of_an_opened_chat(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    warming.ask(MODEL)
    warming.warm(*leases.pop())
    assert MODEL in ollama.loaded
    assert not arbiter.read().leases
    assert not arbiter.read().used.get("0") or arbiter.read().used["0"].ms == 0


def test_a_loaded_model_is_left_alone(ollama: ScriptedOllama, leases: list[tuple[int, str]]) -> None:
    warming.ask(MODEL)
    warming.warm(*leases.pop())
    snapshot.refresh()
    warming.ask(MODEL)
    assert leases == []


@pytest.mark.parametrize("name", ["", "nothing:1b"])
def test_what_is_not_installed_is_not_asked_for(leases: list[tuple[int, str]], name: str) -> None:
    warming.ask(name)
    assert leases == []


def test_nobody_is_delayed_by_it(leases: list[tuple[int, str]]) -> None:
    arbiter.send_grants_with("test", lambda _row, _lease: None)
    arbiter.enqueue(arbiter.Ticket("test", 1, 1))
    warming.ask(MODEL)
    assert leases == []
    assert not arbiter.read().tickets


def test_pictures_keep_the_card(leases: list[tuple[int, str]]) -> None:
    arbiter.transact("see", resident=arbiter.COMFYUI)
    warming.ask(MODEL)
    assert leases == []


@override_settings(PROCESS_SWITCH_TIMEOUT=0.2)
def test_a_model_may_take_its_time(ollama: ScriptedOllama, leases: list[tuple[int, str]]) -> None:
    ollama.load_seconds = 1.0
    warming.ask(MODEL)
    warming.warm(*leases.pop())
    assert MODEL in ollama.loaded


@contextmanager
def warming_slowly(ollama: ScriptedOllama, leases: list[tuple[int, str]]) -> Iterator[threading.Thread]:
    """Have a model be loaded that takes its time."""
    warming.ask(MODEL)
    ollama.load_seconds = 60.0
    thread = threading.Thread(target=warming.warm, args=leases.pop())
    thread.start()
    ollama.wait_for(lambda: ollama.intervals, 20)
    yield thread
    ollama.stop()
    thread.join(20)


def test_who_wants_another_model_does_not_wait_for_it(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    granted: list[int] = []
    arbiter.send_grants_with("test", lambda row, _lease: granted.append(row))
    with warming_slowly(ollama, leases):
        arbiter.enqueue(arbiter.Ticket("test", 1, 1, about="another:1b"))
        ollama.wait_for(lambda: granted, 30)
        assert not ollama.loads


def test_who_wants_the_model_gets_it_as_far_as_it_is(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    arbiter.send_grants_with("test", lambda _row, _lease: None)
    with warming_slowly(ollama, leases) as thread:
        arbiter.enqueue(arbiter.Ticket("test", 1, 1, about=MODEL))
        thread.join(3 * warming.LOOK_EVERY)
        assert thread.is_alive()


def test_a_card_that_is_taken_away_is_left_at_once(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    with warming_slowly(ollama, leases) as thread:
        arbiter.transact("wish", service=COMFYUI, force=True)
        thread.join(30)
        assert not thread.is_alive()
        assert not ollama.loads


def test_an_ollama_that_fails_meanwhile_costs_nothing(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    warming.ask(MODEL)
    ollama.stop()
    warming.warm(*leases.pop())
    assert not arbiter.read().leases
