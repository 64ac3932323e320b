"""One private MariaDB for the tests of this folder, and one app over it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.databases.mariadb import running_mariadb
from tests.processes import App, running_app
from tests.standins.comfyui import ScriptedComfyUI

LEFT_OUT = "mysql" in os.environ.get("OC_LEFT_OUT", "").split(",")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here starts a MariaDB, which some machines cannot have."""
    for item in items:
        if "tests/databases/" in item.path.as_posix():
            item.add_marker(pytest.mark.processes)
            reason = "start.py left it out: MariaDB cannot be installed here"
            item.add_marker(pytest.mark.skipif(LEFT_OUT, reason=reason))


@pytest.fixture(scope="package")
def mariadb() -> Iterator[dict[str, str]]:
    """Yield the settings of a MariaDB that lives as long as this folder's tests."""
    with running_mariadb() as settings:
        yield settings


@pytest.fixture(scope="package")
def comfyui() -> Iterator[ScriptedComfyUI]:
    """Yield the ComfyUI of the app here."""
    with ScriptedComfyUI() as comfyui:
        yield comfyui


@pytest.fixture(scope="package")
def app(mariadb: dict[str, str], comfyui: ScriptedComfyUI) -> Iterator[App]:
    """Yield the running app over the MariaDB."""
    with running_app(COMFYUI_URL=comfyui.url, **mariadb) as app:
        yield app
