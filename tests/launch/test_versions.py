"""Which Python may start the app."""

from __future__ import annotations

import ast

import pytest

from launch.versions import complaint
from tests.launch.conftest import ROOT


@pytest.mark.parametrize("version", [(3, 8), (3, 10, 13)])
def test_an_older_python_is_told_how_to_get_one(version: tuple[int, ...]) -> None:
    line = complaint(version)

    assert "\n" not in line
    assert "3.11-3.13" in line
    assert "sudo apt install python3.11 python3.11-venv" in line


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 13)])
def test_each_supported_python_is_taken(version: tuple[int, ...]) -> None:
    assert complaint(version) == ""


def test_a_python_that_came_later_is_told_which_are_known() -> None:
    assert "3.11-3.13" in complaint((3, 14))


@pytest.mark.parametrize("name", ["start.py", "launch/__init__.py", "launch/versions.py", "launch/words.py"])
def test_what_runs_before_the_check_can_be_read_by_python_38(name: str) -> None:
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))
