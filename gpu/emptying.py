"""Having a service give its memory back: ask, look until it shows that it has, only then force.

Facts that this follows: ComfyUI's `/free` answers at once and acts when it is idle; Ollama
ignores an unload during a load, shows nothing in `/api/ps` meanwhile, lists a model that
answers past its `expires_at`, and its memory comes back 0.5 to 1.5 s after the list is empty.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from gpu import endpoints, monitor
from gpu.arbiter import COMFYUI, OLLAMA, Held, LeaseLostError
from gpu.services.comfyui import ComfyUI
from gpu.services.errors import (
    GarbledError,
    ModelMissingError,
    ServiceAbsentError,
    ServiceDownError,
    ServiceError,
    ServiceHangsError,
    ServiceRefusedError,
)
from gpu.services.ollama import Loaded, Ollama

logger = logging.getLogger(__name__)
MIB = 2**20
LOOK_EVERY = 0.05  # seconds between two looks at a service that is giving its memory back
ASK_AGAIN = 1.0  # seconds; an unload that came in mid-load was ignored, a service may be about to end
PART_BACK, LONGEST_SETTLE = 0.75, 5.0  # as Ollama itself waits, after an unload, before it loads again
RESIDUE = 700 * MIB  # what a CUDA process keeps for itself with nothing loaded
LOOKS = 2  # at a service that is silent or babbles: one that is busy is silent for a while, too


class HandOffError(Exception):
    """The hand-over did not work; `code` has a sentence in `gpu.sentences`."""

    def __init__(self, code: str, service: str, **about: Any) -> None:
        super().__init__(f"{service}: {code} {about or ''}".strip())
        self.code, self.service, self.about = code, service, about

    def reason(self) -> str:
        """Return the failure as the card keeps it."""
        return json.dumps({"code": self.code, "service": self.service, **self.about})


def empty(service: str, held: Held) -> bool:
    """Return once the service holds nothing: True when its process had to be stopped for that.

    Raises HandOffError, LeaseLostError.
    """
    ask = {OLLAMA: _empty_ollama, COMFYUI: _empty_comfyui}[service]
    for look in range(LOOKS):
        try:
            ask(held)
            return False
        except ServiceAbsentError as error:
            logger.info("%s is not there and holds nothing: %s", service, error)
            return False
        except ServiceError as error:
            logger.info("%s does not say what it holds: %s", service, error)
            code = "hangs" if isinstance(error, ServiceHangsError) else "garbled"
            time.sleep(0 if look else ASK_AGAIN)
        except HandOffError as error:
            if error.code == "computing":
                raise
            code = error.code
            break
    _force(service, code, held)
    return True


def held_by(service: str) -> int:
    """Return the bytes of the card that a service says it holds, 0 while it does not answer."""
    try:
        if service == OLLAMA:
            return sum(model.size_vram for model in Ollama(endpoints.find_ollama().url).loaded())
        return ComfyUI(endpoints.find_comfyui().url).stats().held
    except ServiceError:
        return 0


def _force(service: str, code: str, held: Held) -> None:
    """Stop the service's process, when a process manager may."""
    manager = endpoints.process_manager()
    if manager is None:
        raise HandOffError(code, service)
    held.check()
    try:
        manager.stop(service, force=True)
    except ServiceError as error:
        raise refused_by_manager("not_stopped", service, error) from error


def refused_by_manager(code: str, service: str, error: ServiceError) -> HandOffError:
    """Return what it means that the process manager did not do it; `text` is its own words, for admins."""
    if isinstance(error, ServiceDownError | ServiceRefusedError | GarbledError):
        logger.warning("the process manager is of no use: %s", error)
        return HandOffError("manager_down", service)
    return HandOffError(code, service, text=str(error)[:200])


def _find(find: Callable[[], endpoints.Endpoint], configured: str) -> str:
    """Return the service's address; what speaks otherwise where nobody configured it is another program."""
    try:
        return find().url
    except ServiceHangsError:
        raise
    except ServiceError as error:
        if configured:
            raise
        raise ServiceAbsentError(str(error)) from error


@dataclass
class Patience:
    """For work, whoever it is for, as long as a picture may take; for mere memory not so long."""

    service: str
    held: Held
    computing: bool = False
    since: float = field(default_factory=time.monotonic)

    def check(self, *, computing: bool) -> None:
        """Raise HandOffError when the service has been so for too long, LeaseLostError."""
        if self.held.lost:
            raise LeaseLostError(self.held.id)
        if computing != self.computing:
            self.computing, self.since = computing, time.monotonic()
        longest = settings.COMFYUI_TIMEOUT if computing else settings.PROCESS_SWITCH_TIMEOUT
        if time.monotonic() - self.since > longest:
            raise HandOffError("computing" if computing else "keeps_memory", self.service)


def _empty_ollama(held: Held) -> None:
    Unloading(Ollama(_find(endpoints.find_ollama, settings.OLLAMA_URL)), held).run()


@dataclass
class Unloading:
    """Ollama giving its memory back; in bytes what its models held, and what was used of the card before."""

    ollama: Ollama
    lease: Held
    asked_at: float = 0.0
    held: int = 0
    used: int = 0
    looked_again: bool = False

    def run(self) -> None:
        """Ask until Ollama shows that it has unloaded. Raises HandOffError, ServiceError, LeaseLostError."""
        patience = Patience(OLLAMA, self.lease)
        while (loaded := self.ollama.loaded()) or self._may_be_loading():
            if loaded and time.monotonic() - self.asked_at >= ASK_AGAIN:
                self._ask(loaded)
            answering = any(model.is_overdue for model in loaded)
            patience.check(computing=answering or not loaded)
            time.sleep(LOOK_EVERY)
        self._settle()

    def _ask(self, loaded: list[Loaded]) -> None:
        self.asked_at, seen = time.monotonic(), monitor.read_card()
        self.held = max(self.held, sum(model.size_vram for model in loaded))
        self.used = max(self.used, seen.used if seen else 0)
        self.lease.check()
        for model in loaded:
            try:
                self.ollama.unload(model.name)
            except ModelMissingError as error:  # removed from the disk while it was loaded
                logger.info("%s cannot be unloaded by its name: %s", model.name, error)

    def _may_be_loading(self) -> bool:
        """Return whether a model may be on its way into memory; where the card does not tell, look twice."""
        shown = monitor.held_by_ollama(monitor.read_card())
        if shown is not None:
            return shown > RESIDUE
        if self.looked_again:
            return False
        self.looked_again = True
        time.sleep(settings.GPU_SETTLE)
        return True

    def _settle(self) -> None:
        """Wait until the driver shows the memory free."""
        until, wanted = time.monotonic() + LONGEST_SETTLE, self.used - int(self.held * PART_BACK)
        while self.held and time.monotonic() < until:
            seen = monitor.read_card()
            if seen is None or seen.used <= wanted:
                return
            time.sleep(LOOK_EVERY * 2)


def _empty_comfyui(held: Held) -> None:
    comfyui = ComfyUI(_find(endpoints.find_comfyui, settings.COMFYUI_URL))
    patience = Patience(COMFYUI, held)
    while comfyui.is_computing():
        patience.check(computing=True)
        time.sleep(LOOK_EVERY * 4)
    held.check()
    comfyui.free()  # also one that shows nothing: where it shares the main memory it tells of none
    while comfyui.stats().held > RESIDUE:
        patience.check(computing=comfyui.is_computing())
        time.sleep(LOOK_EVERY)
