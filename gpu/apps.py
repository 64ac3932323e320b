"""The app's entry in Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class GpuConfig(AppConfig):
    """Registers what is looked at each few seconds, and what pages may follow."""

    name = "gpu"

    def ready(self) -> None:
        """Have `upkeep` keep the snapshot, and let pages hear of changes."""
        from gpu import pulls, snapshot
        from live import clock, kinds

        clock.add("snapshot", lambda: settings.SNAPSHOT_INTERVAL, snapshot.refresh)
        kinds.register(kinds.Kind("models", lambda _user, _id: kinds.Followed("all"), history=False))
        kinds.register(kinds.Kind("pull", pulls.find_followed))
