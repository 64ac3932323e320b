"""The database backend that `settings.DATABASES` names.

Every request and every task has a thread and a connection of its own for as long as it needs one. A burst
may ask for more than the server's `max_connections` (151 in a fresh one); they are free again within
milliseconds, so the late ones wait for their turn instead of failing.
"""

from __future__ import annotations

import random
import time
from typing import Any

import MySQLdb
from django.db.backends.mysql import base

FULL = {1040, 1203}  # too many connections, of all and of this user
PATIENCE = 10.0  # seconds


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that is waited for."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection. Raises OperationalError, also when none has become free within PATIENCE."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return super().get_new_connection(conn_params)
            except MySQLdb.OperationalError as error:
                if error.args[0] not in FULL or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.01, 0.05))
