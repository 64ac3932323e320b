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
RECONNECT_AFTER = 2.0  # seconds without a websocket until it is tried again
BLIND = 5  # times COMFYUI_TIMEOUT that a picture may take of which no progress is seen
OVER = ("succeeded", "failed", "interrupted", "ended")


class _LostError(Exception):
    """ComfyUI knows nothing of the prompt any more."""


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
    """Follows one prompt. `tell` gets each event; `connect` returns the websocket, None if there is none."""

    def __init__(
        self,
        running: Running,
        comfyui: ComfyUI,
        prompt_id: str,
        *,
        tell: Callable[[Event], None],
        connect: Callable[[], Events | None],
        disconnect: Callable[[], None],
    ) -> None:
        self._running, self._comfyui, self._prompt_id, self._tell = running, comfyui, prompt_id, tell
        self._connect, self._disconnect = connect, disconnect
        self._patience = Patience(running)
        self._moved_at = time.monotonic()
        self._sees_since: float | None = None

    def wait(self, *, look_first: bool = False) -> Finished | None:
        """Return how the prompt ended; None when ComfyUI knows nothing of it any more.

        `look_first`: it was sent some time ago and may be over. Raises PictureError (no progress, gone),
        EndedError, HungUpError.
        """
        try:
            while True:
                self._follow(look_first=look_first)
                if finished := self._poll():
                    return finished
                look_first = True
        except _LostError:
            return None

    def _follow(self, *, look_first: bool) -> None:
        """Listen to the websocket until the prompt is over or the connection gone."""
        events = self._connect()
        if events is None:
            return
        self._sees_since = time.monotonic()
        try:
            if not look_first or self._is_running():
                self._listen(events)
        except errors.ServiceError as error:
            self._disconnect()
            logger.info("the connection to ComfyUI is gone, asking instead: %s", error)
        finally:
            self._sees_since = None

    def _listen(self, events: Events) -> None:
        for event in events.of(self._prompt_id, QUIET):
            self._running.check()
            if event.kind == "quiet":
                if not self._is_running():
                    return
            else:
                self._moved_at = time.monotonic()
                self._tell(event)
            if event.kind in OVER:
                return  # the history decides, and comes a moment later

    def _poll(self) -> Finished | None:
        """Return how the prompt ended, None when it is time to try the websocket again."""
        pause, until = FIRST_POLL, time.monotonic() + RECONNECT_AFTER
        while time.monotonic() < until:
            self._running.check()
            try:
                if not self._is_running() and (finished := self._comfyui.history(self._prompt_id)):
                    return finished
            except errors.ServiceError as error:
                self._patience.wait(error)
            self._running.rest(pause)
            pause = min(LONGEST_POLL, pause * 2)
        return None

    def _is_running(self) -> bool:
        """Return whether it waits or runs. Raises ServiceError, PictureError (no progress), _LostError."""
        state = self._comfyui.find(self._prompt_id)
        self._patience.answered()
        if state == "lost":
            raise _LostError
        if state == "pending":
            self._moved_at = time.monotonic()  # somebody else's picture is before it
        elif state != "running":
            return False
        self._check_progress()
        return True

    def _check_progress(self) -> None:
        """Raise PictureError when it moves no more: without a websocket that shows late."""
        now, limit = time.monotonic(), settings.COMFYUI_TIMEOUT
        stuck = self._sees_since is not None and now - max(self._moved_at, self._sees_since) > limit
        if stuck or now - self._moved_at > BLIND * limit:
            raise PictureError("comfyui_timeout", seconds=round(limit if stuck else BLIND * limit))
