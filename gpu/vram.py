"""The card as NVML shows it, read by the maintained `pynvml` of nvidia-ml-py.

A machine without NVIDIA, or whose driver has
gone, is no error: there is simply nothing to read, and that is said once.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import psutil
import pynvml

logger = logging.getLogger(__name__)
LONGEST_NAME = 60  # characters
# Errors after which the handle is of no more use: the library is set up anew at the next look.
LOST = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_GPU_IS_LOST,
    pynvml.NVML_ERROR_RESET_REQUIRED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    pynvml.NVML_ERROR_UNKNOWN,
)
CODES = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no_library",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "no_driver",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "driver_mismatch",
    pynvml.NVML_ERROR_GPU_IS_LOST: "card_lost",
    pynvml.NVML_ERROR_RESET_REQUIRED: "card_lost",
    pynvml.NVML_ERROR_NOT_FOUND: "no_card",
    pynvml.NVML_ERROR_INVALID_ARGUMENT: "no_card",  # no card has this index
    pynvml.NVML_ERROR_NO_PERMISSION: "not_allowed",
    pynvml.NVML_ERROR_NOT_SUPPORTED: "not_supported",
}
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


@dataclass(frozen=True)
class Unavailable:
    """Why there is nothing to read: a `code` that stays (CODES, or `failed`), and NVML's own words."""

    code: str
    words: str


class Reader:
    """NVML in this process. Any thread may read.

    `index` is in the order of the PCI bus: NVML knows nothing of CUDA_VISIBLE_DEVICES.
    """

    def __init__(self, index: int = 0) -> None:
        self._index = index
        self._is_set_up = False
        self._handle: Any = None
        self._lock = threading.Lock()
        self.why: Unavailable | None = None
        """Why there is nothing to read, None when there is."""

    def read(self) -> Card | None:
        """Return the card, None when it can't be read; `why` says for what reason."""
        with self._lock:
            try:
                card = self._read()
            except pynvml.NVMLError as error:
                self._fail(error)
                return None
            if self.why:
                logger.info("the card can be read again")
            self.why = None
            return card

    def _set_up(self) -> None:
        # NVML counts how often it is set up: once, also while no card can be found.
        if not self._is_set_up:
            pynvml.nvmlInit()
            self._is_set_up = True
        if self._handle is None:
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(self._index)

    def _read(self) -> Card:
        self._set_up()
        memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
        rates = _optional(lambda: pynvml.nvmlDeviceGetUtilizationRates(self._handle))
        return Card(
            name=_optional(lambda: str(pynvml.nvmlDeviceGetName(self._handle))) or "",
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
        why = Unavailable(CODES.get(error.value, "failed"), str(error))
        if why != self.why:
            logger.info("the card's memory can't be read: %s", why.words)
        self.why = why
        if self._is_set_up and error.value in LOST:
            self._is_set_up, self._handle = False, None
            with suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()


def name_of(pid: int) -> str:
    """Return the program's name without its folder, "" where nobody tells."""
    told = _optional(lambda: str(pynvml.nvmlSystemGetProcessName(pid)))
    if not told:
        try:
            told = psutil.Process(pid).name()
        except psutil.Error:
            told = ""
    return short_name(told)


def short_name(told: str) -> str:
    """Return a program's name without folder and options, fit to be shown.

    Browsers tell their whole command line, and a name may hold bytes that are no text.
    """
    program = re.split(r"\s+-", told, maxsplit=1)[0].replace("\\", "/").rstrip("/")
    return program.rsplit("/", 1)[-1].encode(errors="replace").decode()[:LONGEST_NAME]


def _optional(ask: Callable[[], Value]) -> Value | None:
    """Return what not every card, driver or platform tells; what means the card itself is lost is raised.

    pynvml's own: a mismatch is raised where the driver is too old for the function, a
    UnicodeDecodeError where a name is not UTF-8, as on a Windows that speaks Russian.
    """
    try:
        return ask()
    except (pynvml.NVMLLibraryMismatchError, UnicodeDecodeError):
        return None
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_GPU_IS_LOST:
            raise
        return None


@cache
def _reader(index: int) -> Reader:
    return Reader(index)


def read_card(index: int = 0) -> Card | None:
    """Return the card at this moment, None where it can't be read."""
    return _reader(index).read()


def why_not(index: int = 0) -> Unavailable | None:
    """Return why the newest look of this process found nothing, None when it found the card."""
    return _reader(index).why
