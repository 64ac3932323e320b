"""This machine on the home network: its addresses, and what else stands in the way."""

from __future__ import annotations

import io
import ipaddress
import socket
import sys

from launch.probes import in_wsl

FAR = ("192.0.2.1", 9)  # reserved for documents: nothing is sent, the kernel only picks the way out


def lan_addresses() -> list[str]:
    """Return this machine's IPv4 addresses that others can use, the likeliest first."""
    found = [_way_out(), *_own_names()]
    return [address for address in dict.fromkeys(found) if address and _is_reachable(address)]


def _way_out() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(FAR)
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def _own_names() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


def _is_reachable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def is_local(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def firewall_command(port: int) -> str:
    """Return the command that opens `port` to the network on this system."""
    if sys.platform == "win32" or in_wsl():
        rule = 'name="Ollama Chat" dir=in action=allow protocol=TCP'
        return f"netsh advfirewall firewall add rule {rule} localport={port}"
    return f"sudo ufw allow {port}/tcp"


def qr_code(url: str) -> str:
    """Return `url` as a QR code for a terminal."""
    import segno

    drawn = io.StringIO()
    segno.make(url, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue().rstrip("\n")
