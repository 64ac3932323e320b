"""The tests that are near the database, run over a private MariaDB: `python -m tests.databases [--all]`.

`--all` takes every test that asks the database from within the test run. What starts processes has its own
tests over MariaDB in this folder; what is marked `sqlite` speaks of SQLite alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tests.databases.mariadb import running_mariadb
from tests.run import run

NEAR = [
    "tests/accounts",
    "tests/chats/test_api.py",
    "tests/chats/test_editing.py",
    "tests/chats/test_importing.py",
    "tests/chats/test_managing.py",
    "tests/chats/test_sweep.py",
    "tests/chats/test_threads.py",
    "tests/gpu/test_ledger.py",
    "tests/imaging/test_gallery.py",
    "tests/imaging/test_ordering.py",
    "tests/imaging/test_sweep.py",
    "tests/ollamachat/test_health.py",
]
ELSEWHERE = "processes or browser or sqlite"
WITHOUT = [f"--ignore=tests/{name}" for name in ("engines", "launch", "standins")]  # they have no database


def main(arguments: Sequence[str]) -> int:
    """Return pytest's exit status; 0 where MariaDB cannot be installed, which is said."""
    if "mysql" in os.environ.get("OC_LEFT_OUT", "").split(","):
        print("MariaDB cannot be installed here: left out.")
        return 0
    everything = "--all" in arguments
    chosen = ["tests", *WITHOUT] if everything else NEAR
    left_out = f"not ({ELSEWHERE})" if everything else f"not ({ELSEWHERE} or long)"
    arguments = ["-q", "-n", "2", "--dist", "loadfile", "-m", left_out, *chosen]
    with running_mariadb() as settings:
        return run(arguments, {**os.environ, **settings})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
