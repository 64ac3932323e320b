"""Placeholder until the real module lands (temporary, overwrite me)."""

from __future__ import annotations

from typing import Any


class ProcessManager:
    def __init__(self, url: str, token: str = "") -> None:
        self.url = url

    def start(self, service: str) -> Any: ...

    def stop(self, service: str, *, force: bool = False) -> Any: ...
