"""What can go wrong with a service, translated once, here."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """A service did not do what it was asked.

    `code` is stable and has a sentence in `chats.sentences`; `about` are the values that
    the sentence names; `permanent`: the same call would fail again. The text is for the log.
    """

    code = "service_failed"
    permanent = False

    def __init__(self, text: str = "", **about: Any) -> None:
        super().__init__(text or self.code)
        self.about = about


class ServiceDownError(ServiceError):
    """Nothing answers at the address."""

    code = "service_down"


class ServiceAbsentError(ServiceDownError):
    """Nobody listens at the address: nothing is computed and no memory is held there."""


class ServiceHangsError(ServiceDownError):
    """It took the call and never answered."""

    code = "service_hangs"


class ServiceBusyError(ServiceError):
    """Its own queue is full."""

    code = "service_busy"


class ServiceRefusedError(ServiceError):
    """It does not accept calls under this host name."""

    code = "service_refused"
    permanent = True


class ModelMissingError(ServiceError):
    """It has no such model."""

    code = "model_missing"
    permanent = True


class ContextFullError(ServiceError):
    """The messages don't fit the model's window."""

    code = "context_full"


class ModelFailedError(ServiceError):
    """The model broke while it was answering."""

    code = "model_failed"


class GarbledError(ServiceError):
    """What came is not the service's language."""

    code = "garbled"


class CutOffError(ServiceError):
    """The connection broke in mid-answer."""

    code = "cut_off"


class EndedEarlyError(ServiceError):
    """The answer ended cleanly but without its last line: Ollama's guard against repetition."""

    code = "ended_early"


class NoModelError(ServiceError):
    """Nothing is installed that could answer."""

    code = "no_model"
    permanent = True
