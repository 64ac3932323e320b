"""Where passkeys work: browsers allow them under a name, over https or on this very machine."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

from django.http import HttpRequest


def work_at(request: HttpRequest) -> bool:
    """Return whether the browser allows passkeys at the address that it has asked."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    with suppress(ValueError):
        ipaddress.ip_address(host.strip("[]"))
        return False
    return request.is_secure() or host == "localhost" or host.endswith(".localhost")
