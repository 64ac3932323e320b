"""The Procfile."""

from __future__ import annotations

import sys
from pathlib import Path

from launch import procfile
from tests.launch.conftest import ROOT


def test_each_line_is_a_name_and_a_command(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# comment\n\nweb: python -m web --title 'two words'\nmetrics-1:  exporter\nnonsense\n")

    assert procfile.read(path) == {
        "web": [sys.executable, "-m", "web", "--title", "two words"],
        "metrics-1": ["exporter"],
    }


def test_the_apps_own_names_its_processes() -> None:
    assert {"web", "llm", "imaging", "upkeep"} <= procfile.read(ROOT / "Procfile").keys()
