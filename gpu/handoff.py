"""Handing the card from one service to the other: ask, verify, only then force.

Facts that this follows: ComfyUI's `/free` answers at once and acts later; Ollama ignores
an unload during a load, shows nothing in `/api/ps` meanwhile, and its memory comes back
0.5 to 1.5 s after the list is empty; a client that hung without closing keeps its model.
So nothing is believed that the services, and the card itself where it can be read, don't show.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from gpu import choices, endpoints, forecast, snapshot, vram, warming
from gpu.arbiter import COMFYUI, OLLAMA, Held, LeaseLostError, transact
from gpu.arbiter.holding import claim, keeper
from gpu.arbiter.state import NOBODY, UNKNOWN, Switch
from gpu.services.comfyui import ComfyUI
from gpu.services.errors import ServiceError, ServiceHangsError
from gpu.services.ollama import Ollama
from gpu.services.process_manager import ProcessManager
from live.redis import RedisError

logger = logging.getLogger(__name__)
MIB = 2**20
LOOK_EVERY = 0.05  # seconds between two looks at a service that is giving its memory back
ASK_AGAIN = 1.0  # seconds; an unload that came in mid-load was ignored
PART_BACK, LONGEST_SETTLE = 0.75, 5.0  # as Ollama itself waits, after an unload, before it loads again
RESIDUE = 700 * MIB  # what a CUDA process keeps for itself with nothing loaded


class HandOffError(Exception):
    """The hand-over did not work; `code` has a sentence in `gpu.sentences`."""

    def __init__(self, code: str, service: str, **about: Any) -> None:
        super().__init__(f"{service}: {code} {about or ''}".strip())
        self.code, self.service, self.about = code, service, about

    def reason(self) -> str:
        """Return the failure as the card keeps it."""
        return json.dumps({"code": self.code, "service": self.service, **self.about})


@dataclass
class HandOver:
    """One hand-over at work: where the services are, and how long each part took in seconds."""

    held: Held
    to: str
    before: str
    warm: bool
    took: dict[str, float] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Empty the other services, then make this one ready. Raises HandOffError, LeaseLostError."""
        for service, empty in ((OLLAMA, self._empty_ollama), (COMFYUI, self._empty_comfyui)):
            if service != self.to:
                self._timed(f"{service}_out", empty)
        self._check_memory()
        if self.to == OLLAMA:
            self._timed("ollama_ready", self._ready_ollama)
        elif self.to == COMFYUI:
            self._timed("comfyui_ready", self._ready_comfyui)

    def restore(self) -> None:
        """Start again what had to be stopped: idle it holds nothing, and it is there when it is wanted."""
        manager = process_manager()
        if manager is None or not settings.PROCESS_RESTORE_ON_RELEASE:
            return
        for service in self.stopped:
            try:
                manager.start(service)
            except ServiceError as error:
                logger.warning("%s was stopped and does not start again: %s", service, error)

    def _timed(self, name: str, part: Callable[[], None]) -> None:
        begun = time.monotonic()
        part()
        self.took[name] = round(time.monotonic() - begun, 2)

    # Emptying

    def _empty_ollama(self) -> None:
        try:
            ollama = Ollama(endpoints.find_ollama().url)
            if not self._wait_until_empty(ollama):
                self._force(OLLAMA, "keeps_memory")
        except ServiceError as error:
            self._not_there(OLLAMA, error)

    def _wait_until_empty(self, ollama: Ollama) -> bool:
        """Ask Ollama to unload until it shows that it has; answers whether it did."""
        held, used, asked_at = 0, 0, 0.0
        deadline = time.monotonic() + settings.PROCESS_SWITCH_TIMEOUT
        while time.monotonic() < deadline:
            loaded = ollama.loaded()
            if not loaded:
                if held:
                    self._settle(used - int(held * PART_BACK))
                return True
            held = max(held, sum(model.size_vram for model in loaded))
            if time.monotonic() - asked_at >= ASK_AGAIN:
                asked_at, seen = time.monotonic(), vram.read_card()
                used = max(used, seen.used if seen else 0)
                self.held.check()
                for model in loaded:
                    ollama.unload(model.name)
            time.sleep(LOOK_EVERY)
        return False

    def _settle(self, wanted: int) -> None:
        """Wait until so little of the card is used: the list is empty before the memory is free."""
        until = time.monotonic() + LONGEST_SETTLE
        while (seen := vram.read_card()) and seen.used > wanted and time.monotonic() < until:
            time.sleep(LOOK_EVERY * 2)
        if seen is None:
            time.sleep(settings.GPU_SETTLE)

    def _empty_comfyui(self) -> None:
        try:
            comfyui = ComfyUI(endpoints.find_comfyui().url)
            self._wait_until_idle(comfyui)
            if not self._wait_until_freed(comfyui):
                self._force(COMFYUI, "keeps_memory")
        except ServiceError as error:
            self._not_there(COMFYUI, error)

    def _wait_until_idle(self, comfyui: ComfyUI) -> None:
        """Let a picture end, whoever it is for; one that never does is told."""
        deadline = time.monotonic() + settings.COMFYUI_TIMEOUT
        while comfyui.is_computing():
            if time.monotonic() > deadline:
                raise HandOffError("computing", COMFYUI)
            self.held.check()
            time.sleep(LOOK_EVERY * 4)

    def _wait_until_freed(self, comfyui: ComfyUI) -> bool:
        if comfyui.stats().held <= RESIDUE:
            return True
        self.held.check()
        comfyui.free()
        deadline = time.monotonic() + settings.PROCESS_SWITCH_TIMEOUT
        while comfyui.stats().held > RESIDUE:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _not_there(self, service: str, error: ServiceError) -> None:
        """Go on when a service is down; one that hangs may hold the card."""
        if isinstance(error, ServiceHangsError):
            self._force(service, "hangs")
        else:
            logger.info("%s is not there and holds nothing: %s", service, error)

    def _force(self, service: str, code: str) -> None:
        """Stop the service's process, when a process manager may."""
        manager = process_manager()
        if manager is None:
            raise HandOffError(code, service)
        self.held.check()
        try:
            manager.stop(service, force=True)
        except ServiceError as error:
            raise HandOffError("not_stopped", service, text=str(error)[:200]) from error
        self.stopped.append(service)

    def _check_memory(self) -> None:
        seen = vram.read_card()
        if seen is None or self.to == NOBODY:
            return
        free = seen.free // MIB
        if free < settings.GPU_MIN_FREE_VRAM_MB:
            raise HandOffError("memory_short", self.to, free_mb=free, wanted_mb=settings.GPU_MIN_FREE_VRAM_MB)

    # Making ready

    def _ready_ollama(self) -> None:
        ollama = Ollama(self._reach(OLLAMA, lambda: endpoints.find_ollama().url))
        if self.warm and settings.GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI:
            self.held.check()
            warm_default_model(ollama)

    def _ready_comfyui(self) -> None:
        self._reach(COMFYUI, lambda: endpoints.find_comfyui().url)

    def _reach(self, service: str, find: Callable[[], str]) -> str:
        """Return the service's address once it answers, started by the process manager if need be."""
        try:
            return find()
        except ServiceError as error:
            manager = process_manager()
            if manager is None:
                raise HandOffError("not_there", service) from error
        self.held.check()
        try:
            manager.start(service)
        except ServiceError as error:
            raise HandOffError("not_started", service, text=str(error)[:200]) from error
        deadline = time.monotonic() + settings.PROCESS_STARTUP_WAIT
        while True:
            try:
                return find()
            except ServiceError as error:
                if time.monotonic() > deadline:
                    raise HandOffError("not_started", service, text=str(error)[:200]) from error
            time.sleep(LOOK_EVERY * 4)


def carry_out(switch_id: str) -> None:
    """Carry out the hand-over that was begun; returns quietly when somebody else does. Raises RedisError."""
    held = claim(switch_id)
    if held is None or held.switch is None:
        return
    switch = held.switch
    work = HandOver(held, switch.to, switch.before, switch.warm)
    try:
        work.run()
        transact("switched", switch_id=switch_id, parts=work.took)
        forecast.learn(f"switch:{switch.to}", sum(work.took.values()))
        work.restore()
    except LeaseLostError:
        logger.warning("the hand-over to %s was taken over by somebody else", switch.to)
    except HandOffError as error:
        logger.warning("the hand-over to %s failed: %s", switch.to, error)
        transact("failed", switch_id=switch_id, resident=UNKNOWN, reason=error.reason())
    except Exception as error:
        if not isinstance(error, RedisError):
            logger.exception("the hand-over to %s met an unforeseen error", switch.to)
        transact("failed", switch_id=switch_id, resident=UNKNOWN, reason=_unforeseen(switch))
    finally:
        keeper().drop(held)


def _unforeseen(switch: Switch) -> str:
    return HandOffError("unforeseen", switch.to).reason()


def process_manager() -> ProcessManager | None:
    """Return the process manager's client, None when there is none."""
    url = settings.PROCESS_MANAGER_API_URL
    if not url:
        return None
    return ProcessManager(url, settings.PROCESS_MANAGER_TOKEN, wait=settings.PROCESS_SWITCH_TIMEOUT)


def warm_default_model(ollama: Ollama) -> None:
    """Load the model that the next chat will ask for; a failure only costs its first wait."""
    seen = snapshot.look_now()
    try:
        warming.load(ollama, seen, choices.model_for(choices.CHAT, seen))
    except ServiceError as error:
        logger.info("the default model could not be warmed: %s", error)
