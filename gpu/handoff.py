"""Handing the card from one service to the other: empty the one, then make the other ready.

Nothing is believed that the services, and the card itself where it can be read, don't show.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings

from gpu import choices, emptying, endpoints, forecast, monitor, snapshot, warming
from gpu.arbiter import COMFYUI, OLLAMA, Held, LeaseLostError, transact
from gpu.arbiter.holding import claim, keeper
from gpu.arbiter.state import NOBODY, UNKNOWN, Switch
from gpu.emptying import HandOffError
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ollama
from live.redis import RedisError

logger = logging.getLogger(__name__)
MIB = 2**20
LOOK_EVERY = 0.2  # seconds between two looks at a service that starts, or at the card's memory


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
        for service in (OLLAMA, COMFYUI):
            if service != self.to:
                self._timed(f"{service}_out", partial(self._empty, service))
        self._check_memory()
        if self.to == OLLAMA:
            self._timed("ollama_ready", self._ready_ollama)
        elif self.to == COMFYUI:
            self._timed("comfyui_ready", self._ready_comfyui)

    def restore(self) -> None:
        """Start again what had to be stopped: idle it holds nothing, and it is there when it is wanted."""
        manager = endpoints.process_manager()
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

    def _empty(self, service: str) -> None:
        if emptying.empty(service, self.held):
            self.stopped.append(service)

    def _check_memory(self) -> None:
        """Wait until enough is free for the service, by the rule that also gates a grant."""
        until = time.monotonic() + emptying.LONGEST_SETTLE
        while (seen := monitor.read_card()) and self.to != NOBODY:
            free = (seen.free + emptying.held_by(self.to)) // MIB
            if free >= settings.GPU_MIN_FREE_VRAM_MB:
                return
            if time.monotonic() > until:
                wanted = settings.GPU_MIN_FREE_VRAM_MB
                raise HandOffError("memory_short", self.to, free_mb=free, wanted_mb=wanted)
            time.sleep(LOOK_EVERY)

    # Making ready

    def _ready_ollama(self) -> None:
        ollama = Ollama(self._reach(OLLAMA, lambda: endpoints.find_ollama().url))
        if self.warm and settings.GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI:
            self.held.check()
            warm_default_model(ollama, self.held)

    def _ready_comfyui(self) -> None:
        self._reach(COMFYUI, lambda: endpoints.find_comfyui().url)

    def _reach(self, service: str, find: Callable[[], str]) -> str:
        """Return the service's address once it answers, started by the process manager if need be."""
        try:
            return find()
        except ServiceError as error:
            manager = endpoints.process_manager()
            if manager is None:
                raise HandOffError("not_there", service) from error
        self.held.check()
        try:
            manager.start(service)
        except ServiceError as error:
            raise emptying.refused_by_manager("not_started", service, error) from error
        deadline = time.monotonic() + settings.PROCESS_STARTUP_WAIT
        while True:
            try:
                return find()
            except ServiceError as error:
                if time.monotonic() > deadline:
                    raise HandOffError("not_started", service) from error
            time.sleep(LOOK_EVERY)


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
    return HandOffError("unforeseen" if switch.to else "not_emptied", switch.to).reason()


def warm_default_model(ollama: Ollama, held: Held) -> None:
    """Load the model that the next chat will ask for; a failure only costs its first wait."""
    seen = snapshot.look_now()
    try:
        warming.load(ollama, seen, choices.model_for(choices.CHAT, seen), held)
    except ServiceError as error:
        logger.info("the default model could not be warmed: %s", error)
