"""The app's entry in Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class GpuConfig(AppConfig):
    """Registers what is looked at each few seconds, and what pages may follow."""

    name = "gpu"

    def ready(self) -> None:
        """Have `upkeep` keep the snapshot, and let pages hear of changes."""
        from gpu import ledger, pulls, snapshot, tasks, warming, watch
        from gpu.arbiter import holding, line
        from live import clock, kinds

        def hand_over(switch_id: str, _service: str) -> None:
            tasks.hand_over.delay(switch_id)

        line.hand_over_with(hand_over)
        holding.note_releases_with(ledger.note_release)
        clock.add("card", lambda: watch.TICK, watch.watch)
        clock.add("vram", lambda: settings.GPU_MONITOR_INTERVAL, watch.sample)
        kinds.register(kinds.Kind("card", lambda _user, _id: kinds.Followed("all"), history=False))

        clock.add("snapshot", lambda: settings.SNAPSHOT_INTERVAL, snapshot.refresh)
        kinds.register(kinds.Kind("models", lambda _user, _id: kinds.Followed("all"), history=False))
        line.send_grants_with(warming.KIND, tasks.warm.delay, wanted=warming.still_wanted)
        kinds.register(kinds.Kind("pull", pulls.find_followed))
