"""Ollama on behalf of one job: calls that can be hung up, that know a loading model from a slow one."""

from __future__ import annotations

import threading
import time

from gpu import arbiter
from gpu.services import errors
from gpu.services.ollama import Ask, Numbers, Ollama, Stream
from gpu.services.wire import HungUpError
from imaging.running import Running

LOADING = 600.0  # seconds that a model may take to load; nothing comes from Ollama meanwhile
LOOK_EVERY = 0.5  # seconds between two looks whether it is loaded
LONGEST = 60_000  # characters; an answer past that is a model that repeats itself


class Asker:
    """Asks under the job's lease; `seconds` is what it took of the card so far, `url` is Ollama's."""

    def __init__(self, running: Running, lease: arbiter.Held, url: str) -> None:
        self.running, self.lease, self.url = running, lease, url
        self.seconds = 0.0

    def complete(self, ask: Ask, timeout: float) -> tuple[str, Numbers]:
        """Return a whole answer; `timeout` in seconds counts from when the model is loaded.

        Raises ServiceError, HungUpError when the job shall end, LeaseLostError.
        """
        self.running.check()
        stream = Ollama(self.url).answer(ask)
        self.running.listen_to(stream.hang_up)
        watch = Deadline(self.url, ask.model, timeout, stream)
        try:
            return self._read(stream)
        except HungUpError:
            if watch.passed:
                raise errors.CutOffError(f"no answer within {timeout:g} s") from None
            raise
        finally:
            watch.over.set()

    def _read(self, stream: Stream) -> tuple[str, Numbers]:
        parts, length, first, numbers = [], 0, None, Numbers(done_reason="")
        try:
            for piece in self.lease.watch(stream):
                first = first or time.monotonic()
                parts.append(piece.text)
                length += len(piece.text)
                numbers = piece.numbers or numbers
                if length > LONGEST:
                    stream.hang_up()
        except HungUpError:
            if length <= LONGEST:
                raise
        finally:
            told = numbers.load_seconds + numbers.prompt_seconds + numbers.seconds
            self.seconds += told or (time.monotonic() - first if first else 0.0)
        return "".join(parts), numbers


class Deadline:
    """Hangs up when a loaded model takes too long; set `over` when it has answered."""

    def __init__(self, url: str, model: str, timeout: float, stream: Stream) -> None:
        self.over, self.passed = threading.Event(), False
        self._url, self._model, self._timeout, self._stream = url, model, timeout, stream
        threading.Thread(target=self._wait, name="deadline", daemon=True).start()

    def _wait(self) -> None:
        begun = time.monotonic()
        while not self._loaded() and time.monotonic() - begun < LOADING:
            if self.over.wait(LOOK_EVERY):
                return
        if not self.over.wait(self._timeout):
            self.passed = True
            self._stream.hang_up()

    def _loaded(self) -> bool:
        try:
            return any(loaded.name == self._model for loaded in Ollama(self._url).loaded())
        except errors.ServiceError:
            return True  # nobody knows: the time counts
