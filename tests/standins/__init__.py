"""Stand-ins for the services that the app talks to: the real wire format, real sockets, faults to order."""

from __future__ import annotations
