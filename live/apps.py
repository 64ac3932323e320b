"""The app's entry in Django."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Registers the kinds that belong to no higher app."""

    name = "live"

    def ready(self) -> None:
        """Let people follow their own events."""
        from accounts import revoking
        from live import events

        events.register()
        revoking.on_sign_out(events.close_sockets)
