"""What the schema allows, and what it does not, is answered as it says: no fault, nothing undocumented.

Seeded, so that a run can be repeated; `start.py test --all` tries ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.processes import App, Person, running_app
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.processes
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW, MANY = 4, 40  # tries an operation
PATIENCE = 20.0  # seconds for one call
# What would end the walk itself: the login that it walks with, the card in somebody's hands.
LEFT_OUT = {
    "/api/auth/logout",
    "/api/gpu/borrow",
    "/api/process/switch",
    "/api/auth/login",
    "/api/auth/register",
}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with running_app() as app:
        app.ollama.default = Script(tokens=["one ", "two"], rate=500)
        yield app


@pytest.fixture(scope="module")
def walker(app: App) -> Person:
    return app.person("walker")


@pytest.fixture(scope="module")
def things(app: App, walker: Person) -> dict[str, int]:
    """Ids of what the walker has, so that not every try ends at 404."""
    chat, answer = app.send(walker, "hello")
    app.wait_for_answer(walker, chat, answer)
    return {"chat_id": chat, "message_id": answer}


def operations(app: App, *, without: set[str]) -> Iterator[Any]:
    told = requests.get(f"{app.url}/api/schema", headers={"Accept": "application/json"}, timeout=30).json()
    schema = schemathesis.openapi.from_dict(told)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.path not in without:
            yield operation


def walk(operation: Any, tries: int, send: Callable[[Any, bool], Any]) -> None:
    """Send so many made-up calls, valid ones and others, and hold the answers to the schema."""
    made = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @hypothesis.seed(6)
    @hypothesis.settings(
        max_examples=tries,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(case=made, real=st.booleans())
    def run(case: Any, real: bool) -> None:
        case.validate_response(send(case, real), checks=CHECKS)

    run()


def sender(app: App, things: dict[str, int], headers: dict[str, str]) -> Callable[[Any, bool], Any]:
    def send(case: Any, real: bool) -> Any:
        if real:
            case.path_parameters.update(
                {name: things[name] for name in things if name in case.path_parameters}
            )
        if isinstance(case.body, dict) and case.body.get("wait"):
            case.body["wait"] = False  # there is nobody here who would draw
        return case.call(base_url=app.url, headers=headers, timeout=PATIENCE)

    return send


def failures(app: App, tries: int, send: Callable[[Any, bool], Any], without: set[str]) -> dict[str, str]:
    found = {}
    for operation in operations(app, without=without):
        try:
            walk(operation, tries, send)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - told all together
            found[operation.label] = str(error)[:600]
    return found


def test_signed_in_every_answer_is_documented(app: App, walker: Person, things: dict[str, int]) -> None:
    headers = {"Authorization": f"Bearer {walker.token}"}
    assert failures(app, FEW, sender(app, things, headers), LEFT_OUT) == {}


def test_signed_out_every_answer_is_documented(app: App, things: dict[str, int]) -> None:
    assert failures(app, 2, sender(app, things, {}), set()) == {}


@pytest.mark.long
def test_signed_in_every_answer_is_documented_for_long(
    app: App, walker: Person, things: dict[str, int]
) -> None:
    headers = {"Authorization": f"Bearer {walker.token}"}
    assert failures(app, MANY, sender(app, things, headers), LEFT_OUT) == {}
