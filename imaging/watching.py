"""Waiting for one prompt of ComfyUI's to end: by its websocket while that holds, by asking when it does not.

Events are only a hint, and may get lost; what became of a prompt is what the history says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings

from gpu.services import errors
from gpu.services.comfyui import ComfyUI, Event, Events, Finished
from imaging.failing import PictureError
from imaging.running import Running

logger = logging.getLogger(__name__)
QUIET = 1.0  # seconds without an event after which ComfyUI is asked
LONGEST_POLL = 0.5
FIRST_POLL = 0.02
DOWN_PATIENCE = 60.0  # seconds that ComfyUI may be away: it takes that long to restart
OVER = ("succeeded", "failed", "interrupted", "ended")


class Patience:
    """How long ComfyUI has been away; `wait` raises when it is too long."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._since: float | None = None

    def answered(self) -> None:
        self._since = None

    def wait(self, error: errors.ServiceError) -> None:
        """Rest a moment after an error. Raises PictureError, EndedError."""
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since > min(DOWN_PATIENCE, settings.COMFYUI_TIMEOUT):
            raise PictureError("comfyui_down", **error.about) from error
        self._running.rest(LONGEST_POLL)


class Watch:
    """Follows one prompt. `tell` gets each event; `cut_off`: the websocket broke meanwhile."""

    def __init__(
        self, running: Running, comfyui: ComfyUI, prompt_id: str, tell: Callable[[Event], None]
    ) -> None:
        self._running, self._comfyui, self._prompt_id, self._tell = running, comfyui, prompt_id, tell
        self._patience = Patience(running)
        self._moved_at = time.monotonic()
        self.cut_off = False

    def wait(self, events: Events | None, *, look_first: bool = False) -> Finished | None:
        """Return how the prompt ended; None when ComfyUI knows nothing of it any more.

        `look_first`: it was sent some time ago and may be over. Raises PictureError (no progress, gone),
        EndedError, HungUpError.
        """
        if events is not None:
            try:
                found = self._look() if look_first else "running"
                found = self._listen(events) if found == "running" else found
                if found != "running":
                    return None if found == "lost" else self._comfyui.history(self._prompt_id)
            except errors.ServiceError as error:
                self.cut_off = True
                logger.info("the connection to ComfyUI is gone, asking instead: %s", error)
        return self._poll()

    def _listen(self, events: Events) -> str:
        for event in events.of(self._prompt_id, QUIET):
            self._running.check()
            if event.kind == "quiet":
                state = self._look()
                if state != "running":
                    return state
            else:
                self._moved_at = time.monotonic()
                self._tell(event)
            if event.kind in OVER:
                break
        return "running"  # the history decides, and comes a moment later

    def _poll(self) -> Finished | None:
        pause = FIRST_POLL
        while True:
            self._running.check()
            try:
                state = self._look()
                if state == "lost":
                    return None
                if state == "over" and (finished := self._comfyui.history(self._prompt_id)):
                    return finished
            except errors.ServiceError as error:
                self._patience.wait(error)
            self._running.rest(pause)
            pause = min(LONGEST_POLL, pause * 2)

    def _look(self) -> str:
        """Return "running", "over" or "lost". Raises ServiceError, PictureError when nothing moves."""
        state = self._comfyui.find(self._prompt_id)
        self._patience.answered()
        if state == "pending":
            self._moved_at = time.monotonic()  # somebody else's picture is before it
        elif state != "running":
            return "lost" if state == "lost" else "over"
        if time.monotonic() - self._moved_at > settings.COMFYUI_TIMEOUT:
            raise PictureError("comfyui_timeout", seconds=round(settings.COMFYUI_TIMEOUT))
        return "running"
