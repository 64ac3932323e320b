"""Stand-ins for the services on the card, for a machine without them: programs of their own."""

from __future__ import annotations
