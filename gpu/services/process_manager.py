"""The process manager's HTTP API (`gpu/processmanager.py`), with its refusals translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import requests

from gpu.services import errors

QUICK = (2.0, 10.0)  # seconds to connect and to read, for calls that change nothing
ENDING = 60.0  # seconds on top of the wait for readiness: the others may take that long to end
STATES = ("stopped", "starting", "ready", "stopping", "failed")
Read = TypeVar("Read")


class NotStartedError(errors.ServiceError):
    """A service did not become ready; the text says why, in the process manager's words."""

    code = "not_started"


class NotStoppedError(errors.ServiceError):
    """A service did not end, or may not be ended; the text says why, in the process manager's words."""

    code = "not_stopped"


@dataclass(frozen=True)
class Process:
    """One service of the process manager's file.

    `state` is one of STATES, `ready` whether it answers now, `ours` False for what somebody else started;
    `restarts` counts those after a failure.
    """

    name: str
    state: str
    ready: bool
    reason: str
    ours: bool
    pid: int | None
    since: datetime
    restarts: int


@dataclass(frozen=True)
class Memory:
    """The card's memory in bytes."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Status:
    """All services by name, and the card's memory where the process manager can read it."""

    services: Mapping[str, Process]
    memory: Memory | None


class ProcessManager:
    """One process manager. Methods raise ServiceError; `wait` is the seconds to give a service's start."""

    def __init__(self, url: str, token: str = "", *, wait: float = 30.0) -> None:
        self.url, self._wait = url.rstrip("/"), wait
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def status(self) -> Status:
        """Return what every service is like, and the card's memory; quick also while a service starts."""
        return _parsed(self._request("GET", "/status", {}, QUICK), _read_status)

    def log(self, service: str) -> tuple[str, ...]:
        """Return the last 200 lines that a service wrote."""
        response = self._request("GET", "/log", {"service": service}, QUICK)
        return _parsed(response, lambda answer: tuple(str(line) for line in answer["lines"]))

    def start(self, service: str) -> Process:
        """Return the service once it is ready, also if it was. Raises NotStartedError."""
        return self._change("/start", service, force=False)

    def stop(self, service: str, *, force: bool = False) -> Process:
        """Return the service once it has ended; an Ollama that must not be ended has only given its
        memory back. Raises ServiceBusyError while it computes, unless `force`; NotStoppedError.
        """
        return self._change("/stop", service, force=force)

    def restart(self, service: str, *, force: bool = False) -> Process:
        """Return the service once it has ended and is ready again. Raises as `stop` and `start` do."""
        return self._change("/restart", service, force=force)

    def switch(self, service: str, *, force: bool = False) -> Process:
        """Return the service once all others have ended and it is ready. Raises as `stop` and `start` do."""
        return self._change("/switch", service, force=force)

    def _change(self, path: str, service: str, *, force: bool) -> Process:
        query = {"service": service, "wait": f"{self._wait:g}", "force": str(force).lower()}
        response = self._request("POST", path, query, (QUICK[0], self._wait + ENDING))
        return _parsed(response, _read_process)

    def _request(
        self, method: str, path: str, query: dict[str, str], timeout: tuple[float, float]
    ) -> requests.Response:
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the environment is not meant for a service at home
                url = self.url + path
                response = session.request(
                    method, url, params=query, headers=self._headers, timeout=timeout, allow_redirects=False
                )
        except (requests.RequestException, ValueError) as error:  # ValueError: an impossible address
            raise errors.ServiceDownError(str(error), url=self.url) from error
        if response.status_code != 200:
            raise _translate(response, query.get("service", ""))
        return response


def _translate(response: requests.Response, service: str) -> errors.ServiceError:
    try:
        told = response.json()
        code, text = str(told["error"]), str(told["message"])
    except (ValueError, TypeError, KeyError):
        return errors.GarbledError(f"{response.status_code} {response.text[:200]!r}")
    kinds: dict[str, type[errors.ServiceError]] = {
        "unauthorized": errors.ServiceRefusedError,
        "forbidden": errors.ServiceRefusedError,
        "computing": errors.ServiceBusyError,
        "in_progress": errors.ServiceBusyError,
        "not_ready": NotStartedError,
        "start_failed": NotStartedError,
        "stop_failed": NotStoppedError,
        "not_ours": NotStoppedError,
    }
    return kinds.get(code, errors.ServiceError)(text, service=service, reason=text)


def _parsed(response: requests.Response, read: Callable[[Any], Read]) -> Read:
    try:
        return read(response.json())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.GarbledError(f"{response.url}: {response.text[:200]!r}") from error


def _read_process(told: Any) -> Process:
    if told["state"] not in STATES:
        raise ValueError(told["state"])
    return Process(
        name=str(told["name"]),
        state=told["state"],
        ready=bool(told["ready"]),
        reason=str(told["reason"]),
        ours=bool(told["ours"]),
        pid=None if told["pid"] is None else int(told["pid"]),
        since=datetime.fromisoformat(told["since"]),
        restarts=int(told["restarts"]),
    )


def _read_status(told: Any) -> Status:
    memory = told["vram"]
    return Status(
        services={name: _read_process(service) for name, service in told["services"].items()},
        memory=memory and Memory(int(memory["total"]), int(memory["used"]), int(memory["free"])),
    )
