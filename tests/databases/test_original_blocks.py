"""The original set-up's two `.env` blocks, pasted as they stand, start the app."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.databases.mariadb import running_mariadb
from tests.launch.conftest import ROOT
from tests.launch.project import App
from tests.seed import BLOCKS

AS_WRITTEN = "CREATE DATABASE ollama_chat; ALTER USER 'root'@'localhost' IDENTIFIED BY 'your-password';"


def test_they_start_the_app_and_its_example_secret_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(BLOCKS)
    for name in ("JWT_SECRET", "DJANGO_SECRET_KEY", "SIGNUP_POLICY"):
        monkeypatch.delenv(name, raising=False)  # the tests' own
    with running_mariadb(AS_WRITTEN) as private:
        # The one thing that a test may not take as it is written: port 3306 may be somebody's.
        monkeypatch.setenv("DB_PORT", private["DB_PORT"])
        app = App(ROOT, tmp_path, "--no-browser")
        try:
            app.wait_ready(60)
            told = requests.get(f"{app.url}/readyz", timeout=5).json()["checks"]
            assert told["database"]
            signed_up = requests.post(
                f"{app.url}/api/auth/register",
                json={"email": "anna@example.org", "password": "correct horse battery"},
                timeout=10,
            )
            assert signed_up.status_code == 201, signed_up.text
        finally:
            app.stop()
    assert not (tmp_path / "db.sqlite3").exists()
    assert "your-secret-key-here" not in (tmp_path / ".env").read_text()
