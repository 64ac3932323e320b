"""The app's entry in Django."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings


class ChatsConfig(AppConfig):
    """Registers how grants are sent, what is swept, and who may follow an answer."""

    name = "chats"

    def ready(self) -> None:
        """Wire the app's concepts to those of the lower apps."""
        from celery.signals import worker_shutting_down
        from django.db.models.signals import post_migrate

        from accounts import belongings, leaving, sessions
        from accounts.models import Verb
        from chats import calls, following, parts, purging, sweep, tasks, thinking
        from chats.exporting import archive
        from chats.finding import search
        from chats.pulse import pulse
        from chats.websearch import toggle
        from gpu import arbiter
        from live import clock, kinds

        arbiter.send_grants_with("message", tasks.generate.delay, wanted=sweep.still_wanted)
        parts.add_tool(parts.Tool(toggle.search_tool, "chats/_search_toggle.html", verb=Verb.SEARCH_WEB))
        parts.add_tool(parts.Tool(thinking.think_tool, "chats/_think.html"))
        belongings.exporters.append(archive.export)
        belongings.purgers.append(purging.purge_person)
        clock.add("purge", lambda: purging.EVERY, purging.purge)
        clock.add("old calls", lambda: purging.CALLS_EVERY, calls.purge_calls)
        clock.add("people who left", lambda: purging.EVERY, leaving.purge_left)
        clock.add("ended sessions", lambda: purging.EVERY, sessions.clear_ended)
        clock.add("sweep", lambda: settings.SWEEP_INTERVAL, sweep.sweep)
        kinds.register(kinds.Kind("message", following.find, stop=following.stop))

        def drain(**_: Any) -> None:
            pulse().drain()

        def mend(**_: Any) -> None:
            search.mend_index()

        post_migrate.connect(mend, sender=self, weak=False, dispatch_uid="mend the index of words")
        worker_shutting_down.connect(drain, weak=False, dispatch_uid="drain answers")
