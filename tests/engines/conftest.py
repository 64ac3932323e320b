"""The engines as the app meets them: processes with a URL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Engine:
    """The running stand-in for Ollama."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    @property
    def megabytes(self) -> float:
        """Main memory of it and its children, shared pages counted once."""
        family = [psutil.Process(self.process.pid), *self.children]
        return float(sum(process.memory_full_info().pss for process in family)) / 2**20


@contextmanager
def running_engine(*arguments: str) -> Iterator[Engine]:
    """Yields a fresh engine; ends it after."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu.engines.ollama", "--port", "0", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Engine(process, process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with running_engine() as running:
        yield running
