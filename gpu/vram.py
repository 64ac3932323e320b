"""The card as NVML shows it, read by the maintained `pynvml` of nvidia-ml-py.

The first card is the one that is shared. A machine without NVIDIA, or whose driver has
gone, is no error: there is simply nothing to read, and that is said once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psutil
import pynvml

logger = logging.getLogger(__name__)
INDEX = 0
# Errors after which the handle is of no more use: the library is set up anew at the next look.
LOST = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_GPU_IS_LOST,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    pynvml.NVML_ERROR_UNKNOWN,
)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Process:
    """A process on the card; `used` in bytes, None where NVML can't tell (Windows, WSL2)."""

    pid: int
    name: str
    used: int | None


@dataclass(frozen=True)
class Card:
    """The card at one moment; bytes, per cent, degrees Celsius. `used` is all that is not free.

    So it includes what the driver reserves, which newer drivers count apart.
    """

    name: str
    total: int
    used: int
    free: int
    utilization: int | None = None
    temperature: int | None = None
    processes: tuple[Process, ...] = ()


class Reader:
    """NVML in this process. Any thread may read."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._lock = threading.Lock()
        self.reason = ""
        """Why there is nothing to read, "" when there is."""

    def read(self) -> Card | None:
        """Return the card, None when it can't be read; `reason` says why."""
        with self._lock:
            try:
                card = self._read()
            except pynvml.NVMLError as error:
                self._fail(error)
                return None
            if self.reason:
                logger.info("the card can be read again")
            self.reason = ""
            return card

    def _read(self) -> Card:
        if self._handle is None:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(INDEX)
        memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
        rates = _optional(lambda: pynvml.nvmlDeviceGetUtilizationRates(self._handle))
        return Card(
            name=_optional(lambda: _text(pynvml.nvmlDeviceGetName(self._handle))) or "",
            total=int(memory.total),
            used=int(memory.total - memory.free),
            free=int(memory.free),
            utilization=int(rates.gpu) if rates else None,
            temperature=_optional(self._temperature),
            processes=tuple(self._processes()),
        )

    def _temperature(self) -> int:
        return int(pynvml.nvmlDeviceGetTemperature(self._handle, pynvml.NVML_TEMPERATURE_GPU))

    def _processes(self) -> Iterator[Process]:
        """Yield each process once, though it may compute and draw."""
        seen: set[int] = set()
        for listed in (
            pynvml.nvmlDeviceGetComputeRunningProcesses,
            pynvml.nvmlDeviceGetGraphicsRunningProcesses,
        ):
            for process in _optional(partial(listed, self._handle)) or ():
                if process.pid not in seen:
                    seen.add(process.pid)
                    used = process.usedGpuMemory
                    yield Process(process.pid, name_of(process.pid), None if used is None else int(used))

    def _fail(self, error: Any) -> None:
        reason = str(error)
        if reason != self.reason:
            logger.info("the card's memory can't be read: %s", reason)
        self.reason = reason
        if self._handle is not None and error.value in LOST:
            self._handle = None
            _optional(pynvml.nvmlShutdown)


def name_of(pid: int) -> str:
    """Return the program's name without its folder, "" where nobody tells."""
    path = _optional(lambda: _text(pynvml.nvmlSystemGetProcessName(pid)))
    if not path:
        try:
            path = psutil.Process(pid).name()
        except psutil.Error:
            path = ""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _text(told: str | bytes) -> str:
    return told.decode(errors="replace") if isinstance(told, bytes) else told


def _optional(ask: Callable[[], Value]) -> Value | None:
    """Return what not every card, driver or platform tells; what means the card itself is lost is raised."""
    try:
        return ask()
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_GPU_IS_LOST:
            raise
        return None


_reader = Reader()


def read_card() -> Card | None:
    """Return the card at this moment, None where it can't be read."""
    return _reader.read()


def why_not() -> str:
    """Return why the card can't be read, "" when it can; NVML's own words, for the log and for admins."""
    return _reader.reason
