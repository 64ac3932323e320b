"""One running app for the whole folder, healed between tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.invariants.card_stack import Stack, running_stack
from tests.processes import App, Person, running_app
from tests.standins.ollama_script import Script


@pytest.fixture(scope="session")
def stack() -> Iterator[App]:
    with running_app() as app:
        yield app


@pytest.fixture
def app(stack: App) -> Iterator[App]:
    stack.ollama.reset()
    stack.ollama.default = Script(tokens=[f"w{n} " for n in range(60)], rate=30)
    yield stack
    for name in list(stack.held):
        stack.release(name)


@pytest.fixture(scope="session")
def alice(stack: App) -> Person:
    return stack.person("alice")


@pytest.fixture(scope="session")
def bob(stack: App) -> Person:
    return stack.person("bob")


@pytest.fixture(scope="session")
def running_card() -> Iterator[Stack]:
    with running_stack() as stack:
        yield stack


@pytest.fixture
def card(running_card: Stack) -> Stack:
    """One card and everybody around it, with rows that come and go."""
    running_card.resume()
    return running_card
