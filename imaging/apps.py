"""The app's entry in Django."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class ImagingConfig(AppConfig):
    """Registers how grants are sent, what is swept, and who may follow a picture."""

    name = "imaging"
    verbose_name = _("Pictures")

    def ready(self) -> None:
        """Wire the app's concepts to those of the lower apps."""
        from celery.signals import worker_shutting_down

        from accounts import belongings, limits
        from gpu import arbiter
        from imaging import (
            beside,
            exporting,
            following,
            gallery,
            leaving,
            parts,
            readiness,
            sweep,
            tasks,
            tickets,
        )
        from imaging.pulse import pulse
        from live import clock, kinds

        arbiter.send_grants_with(tickets.THINK, tasks.think_job.delay, wanted=tickets.wanted_words)
        arbiter.send_grants_with(tickets.DRAW, tasks.draw_job.delay, wanted=tickets.wanted_drawings)
        clock.add("pictures", lambda: settings.SWEEP_INTERVAL, sweep.sweep)
        clock.add("picture files", lambda: sweep.ORPHANS_EVERY, sweep.clear_files)
        clock.add("workflows", lambda: readiness.EVERY, readiness.look)
        beside.register()
        exporting.register()
        belongings.exporters.append(leaving.export)
        belongings.purgers.append(leaving.purge)
        limits.measure_storage(gallery.bytes_kept)
        parts.register()
        kinds.register(kinds.Kind("job", following.find, stop=following.stop))

        def drain(**_: Any) -> None:
            pulse().drain()

        worker_shutting_down.connect(drain, weak=False, dispatch_uid="drain pictures")
