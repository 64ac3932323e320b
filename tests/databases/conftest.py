"""One private MariaDB for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases.mariadb import running_mariadb


@pytest.fixture(scope="package")
def mariadb() -> Iterator[dict[str, str]]:
    """Yield the settings of a MariaDB that lives as long as this folder's tests."""
    with running_mariadb() as settings:
        yield settings
