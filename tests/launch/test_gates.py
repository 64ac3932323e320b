"""`start.py test` over small gates of its own."""

from __future__ import annotations

import re

import pytest

from launch import gates
from launch.errors import StartError

GOOD = ["python", "-c", "print('fine')"]
BAD = ["python", "-c", "import sys; print('broken'); sys.exit(3)"]


def test_all_gates_run_even_after_one_has_failed(capfd: pytest.CaptureFixture[str]) -> None:
    table = {"one": GOOD, "two": BAD, "three": GOOD}

    status = gates.run(table, every_test=False, table=table)

    lines = capfd.readouterr().out.splitlines()
    assert status == 1
    assert [line for line in lines if line in {"fine", "broken"}] == ["fine", "broken", "fine"]
    assert lines[-1] == "FAILED: two"


def test_the_last_line_says_that_all_have_passed(capfd: pytest.CaptureFixture[str]) -> None:
    status = gates.run(["one"], every_test=False, table={"one": GOOD})

    assert status == 0
    assert re.fullmatch(r"All gates passed in \d+ s", capfd.readouterr().out.splitlines()[-1])


def test_the_gates_know_no_settings_of_this_machine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_CHAT_DATA", "/srv/mine")
    code = "import os; print(os.environ['OLLAMA_CHAT_DATA'], len(os.environ['DJANGO_SECRET_KEY']) > 49)"

    gates.run(["one"], every_test=False, table={"one": ["python", "-c", code]})

    said = capfd.readouterr().out
    assert "/srv/mine" not in said
    assert " True\n" in said


def test_gates_are_chosen_by_name_and_keep_their_order() -> None:
    assert gates.chosen_names("types, format") == ["format", "types"]
    assert gates.chosen_names("") == list(gates.GATES)
    assert list(gates.GATES)[-1] == "tests"


def test_an_unknown_gate_is_one_line() -> None:
    with pytest.raises(StartError, match="There is no gate speling; there are: format"):
        gates.chosen_names("format,speling")
