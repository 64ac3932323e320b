"""Calls to Ollama that take their time and that any thread may end: answers, loads, downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import monotonic
from typing import Any

import requests

from gpu.services import errors
from gpu.services.ollama.records import Ask, Piece, read_piece, translate, unwrap
from gpu.services.wire import Call, HungUpError, unanswered

LONGEST_LINE = 32 * 2**20  # bytes; a line without an end is no stream of Ollama's


class Stream:
    """A streamed answer: iterate it; any thread may `hang_up`. Iteration raises ServiceError, HungUpError."""

    def __init__(self, url: str, ask: Ask) -> None:
        self._url, self._ask = url, ask
        self._call = Call()
        self.waited = 0.0
        """Seconds that the newest piece was waited for; near 0 when it had arrived before."""

    def hang_up(self) -> None:
        """End the call: Ollama sees the connection close and stops computing."""
        self._call.hang_up()

    def __iter__(self) -> Iterator[Piece]:
        try:
            yield from self._pieces()
        except (requests.RequestException, OSError, AttributeError, ValueError) as error:
            # http.client trips over a socket that another thread has just shut, in several ways
            if self._call.hung_up:
                raise HungUpError from None
            if isinstance(error, requests.RequestException | OSError):
                raise errors.CutOffError(str(error)) from error
            raise

    def _pieces(self) -> Iterator[Piece]:
        with _post(self._call, self._url, self._ask) as response:
            if response.status_code != 200:
                raise translate(response.status_code, response.content, self._ask.model)
            numbers = None
            for line in self._lines(response):
                piece = read_piece(line)
                numbers = piece.numbers
                yield piece
                if numbers:
                    return
        if self._call.hung_up:
            raise HungUpError
        raise errors.EndedEarlyError

    def _lines(self, response: requests.Response) -> Iterator[bytes]:
        rest, asked = b"", monotonic()
        for chunk in response.iter_content(None):
            self.waited = monotonic() - asked
            *lines, rest = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
            for line in lines:
                if line:
                    yield line
            if len(rest) > LONGEST_LINE:
                raise errors.GarbledError("a line without an end")
            asked = monotonic()
        if rest.strip():
            yield rest


class Load:
    """A model on its way into memory: `wait` for it; any thread may `hang_up`, which ends the load."""

    def __init__(self, url: str, name: str, *, num_ctx: int, keep_alive: str) -> None:
        self._url, self._name = url, name
        self._body = {
            "model": name,
            "keep_alive": keep_alive,
            "stream": False,
            "shift": False,
            "options": {"num_ctx": num_ctx},
        }
        self._call = Call()

    def hang_up(self) -> None:
        """End the call: Ollama sees the connection close and gives the load up."""
        self._call.hang_up()

    def wait(self) -> None:
        """Return when the model is in memory, however long that takes. Raises ServiceError, HungUpError."""
        try:
            with self._call.post(f"{self._url}/api/generate", self._body) as response:
                if response.status_code != 200:
                    raise translate(response.status_code, response.content, self._name)
        except (requests.RequestException, OSError, AttributeError, ValueError) as error:
            if self._call.hung_up:  # as in `Stream`, a socket that was shut is tripped over in several ways
                raise HungUpError from None
            if isinstance(error, requests.RequestException | OSError):
                raise unanswered(error, self._url) from error
            raise


class Pull:
    """A download: iterate it for `{status, digest?, total?, completed?}`, bytes; any thread may `hang_up`.

    Ollama stops when the connection closes, and goes on from there when the same is pulled again.
    Iteration raises ServiceError, HungUpError.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._call = Call()

    def hang_up(self) -> None:
        """End the download."""
        self._call.hang_up()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            with self._call.post(f"{self._url}/api/pull", {"model": self._name}) as response:
                if response.status_code != 200:
                    raise translate(response.status_code, response.content, self._name)
                yield from _pull_lines(response)
        except (requests.RequestException, OSError, AttributeError, ValueError, errors.ServiceError) as error:
            if self._call.hung_up:  # as in `Stream`, a socket that was shut is tripped over in several ways
                raise HungUpError from None
            if isinstance(error, requests.RequestException | OSError):
                raise errors.CutOffError(str(error)) from error
            raise


def _post(call: Call, url: str, ask: Ask) -> requests.Response:
    try:
        return call.post(f"{url}/api/chat", ask.body(stream=True))
    except requests.ConnectionError as error:
        if call.hung_up:
            raise HungUpError from None
        if "Connection aborted" in str(error) or "RemoteDisconnected" in str(error):
            raise errors.CutOffError(str(error)) from error
        raise errors.ServiceDownError(str(error), url=url) from error
    except requests.Timeout as error:
        raise errors.ServiceDownError(str(error), url=url) from error


def _pull_lines(response: requests.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        try:
            event = json.loads(line) if line else {}
            error = event.get("error")
        except (ValueError, AttributeError) as garbled:
            raise errors.GarbledError(repr(line[:200])) from garbled
        if error:
            raise errors.ServiceError(unwrap(error))
        if event:
            yield event
        if event.get("status") == "success":
            return
    raise errors.CutOffError("the download ended without success")
