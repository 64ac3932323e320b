"""The second look: what fails in the crowd is tried alone, what fails alone has failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import run

TESTS = """
from pathlib import Path
import pytest

def test_needs_a_second_look():
    seen = Path(__file__).with_name("seen")
    fresh = not seen.exists()
    seen.touch()
    assert not fresh

def test_fine():
    pass

@pytest.mark.parametrize("number", range(NUMBER))
def test_broken(number):
    assert False
"""


def _run(folder: Path, broken: int) -> int:
    file = folder / "test_small.py"
    file.write_text(TESTS.replace("NUMBER", str(broken)))
    (folder / "pytest.ini").write_text("[pytest]")
    environment = {**os.environ, "PYTEST_ADDOPTS": "-q", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return run.run([file.name], environment, folder)


def test_what_passes_alone_passes_and_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, broken=0) == 0

    said = capfd.readouterr().out
    assert said.rstrip().splitlines()[-2:] == [
        "Passed only in the second look:",
        "  test_small.py::test_needs_a_second_look",
    ]


def test_what_fails_twice_has_failed(tmp_path: Path) -> None:
    assert _run(tmp_path, broken=1) == 1


def test_many_failures_get_no_second_look(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, broken=run.MOST) == 1

    assert "second look" not in capfd.readouterr().out
