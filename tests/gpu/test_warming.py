from __future__ import annotations

import pytest

from gpu import arbiter, snapshot, warming
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


def test_an_ollama_that_fails_meanwhile_costs_nothing(
    ollama: ScriptedOllama, leases: list[tuple[int, str]]
) -> None:
    warming.ask(MODEL)
    ollama.stop()
    warming.warm(*leases.pop())
    assert not arbiter.read().leases
