"""The data folder: secrets, lock, space."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch import folder, reach
from launch.errors import StartError
from tests.launch.conftest import ROOT


def test_secrets_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    folder.add_secrets(path, {})
    made = folder.read_env(path)
    folder.add_secrets(path, {})

    assert path.stat().st_mode & 0o777 == 0o600
    assert {name for name, value in made.items() if len(value) >= 32} == set(folder.SECRETS)
    assert folder.read_env(path) == made


def test_what_the_operator_has_set_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text('# mine\nJWT_SECRET="of my own"\nOLLAMA_URL=http://gpu:11434 # the big one\n')

    folder.add_secrets(path, {"DJANGO_SECRET_KEY": "from the environment"})

    assert path.read_text().startswith("# mine\n")
    assert folder.read_env(path)["JWT_SECRET"] == "of my own"
    assert folder.read_env(path)["OLLAMA_URL"] == "http://gpu:11434"
    assert "DJANGO_SECRET_KEY" not in folder.read_env(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_later_start_may_change_who_reaches_the_app(tmp_path: Path) -> None:
    options = argparse.Namespace(data_dir=tmp_path / "data", reach="lan", host=None)

    path = reach.ready_folder(options, {})
    first = folder.read_env(path / ".env")
    options.reach = "local"
    reach.ready_folder(options, {})

    assert first["HOST"] == "0.0.0.0"
    assert folder.read_env(path / ".env") == first | {"HOST": "127.0.0.1"}


def test_without_a_terminal_nobody_is_asked_and_nothing_is_decided_for_good(tmp_path: Path) -> None:
    options = argparse.Namespace(data_dir=tmp_path, reach=None, host=None)

    reach.ready_folder(options, {})

    assert "HOST" not in folder.read_env(tmp_path / ".env")


def test_a_second_start_on_the_folder_learns_where_the_first_one_runs(tmp_path: Path) -> None:
    with folder.Occupied(tmp_path, "http://127.0.0.1:5000"):
        second = folder.Occupied(tmp_path, "http://127.0.0.1:5001")
        with pytest.raises(StartError, match=r"already runs at http://127\.0\.0\.1:5000 "):
            second.__enter__()

    with second:
        pass


def test_a_killed_start_does_not_keep_the_folder(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom launch.folder import Occupied\n"
        "with Occupied(Path(sys.argv[1]), 'http://a'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert (tmp_path / "running.txt").exists()

    with folder.Occupied(tmp_path, "http://b"):
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match=r"cannot be written: "):
        folder.make(tmp_path / "file" / "data")


def test_a_nearly_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "SPACE", 2**60)

    with pytest.raises(StartError, match="nearly full") as error:
        folder.check_space(tmp_path)

    assert "\n" not in str(error.value)


def test_a_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = folder.make(tmp_path / "a" / "b")

    assert path.stat().st_mode & 0o777 == 0o700
    assert os.access(path, os.W_OK)
