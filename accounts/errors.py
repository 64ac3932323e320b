"""The one error that domain code raises and every adapter shows.

A page, the JSON API and a socket frame each translate it once; its sentence is
safe to show and already in the reader's language when it is turned into text.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise


class Code(enum.StrEnum):
    """Stable names of what went wrong; a client may decide by them."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    SIGNUP_CLOSED = "signup_closed"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    BUSY = "busy"
    CONFLICT = "conflict"
    GONE = "gone"
    STALE = "stale"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    LIMIT = "limit"
    SERVER = "server"
    UNAVAILABLE = "unavailable"
    DRAINING = "draining"

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return STATUSES[self]


STATUSES = {
    Code.INVALID: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.SIGNUP_CLOSED: 403,
    Code.NOT_FOUND: 404,
    Code.WRONG_METHOD: 405,
    Code.BUSY: 409,
    Code.CONFLICT: 409,
    Code.GONE: 410,
    Code.STALE: 412,
    Code.TOO_LARGE: 413,
    Code.WRONG_TYPE: 415,
    Code.LIMIT: 429,
    Code.SERVER: 500,
    Code.UNAVAILABLE: 503,
    Code.DRAINING: 503,
}

# The same call may succeed later, without anybody changing anything.
PASSING = {Code.BUSY, Code.LIMIT, Code.SERVER, Code.UNAVAILABLE, Code.DRAINING}

SENTENCES: dict[Code, Sentence] = {
    Code.INVALID: _("Something here is not as it should be. Please check what you sent."),
    Code.UNAUTHENTICATED: _("Please sign in first."),
    Code.FORBIDDEN: _("You are not allowed to do this."),
    Code.SIGNUP_CLOSED: _("New accounts are made by the admin here. Please ask them."),
    Code.NOT_FOUND: _("There is nothing here."),
    Code.WRONG_METHOD: _("This address does not work that way."),
    Code.BUSY: _("This is busy right now. Please try again in a moment."),
    Code.CONFLICT: _("This has been done already."),
    Code.GONE: _("This is no longer there."),
    Code.STALE: _("This has changed in the meantime. Please load it again."),
    Code.TOO_LARGE: _("This is too large."),
    Code.WRONG_TYPE: _("This kind of content cannot be read here."),
    Code.LIMIT: _("That was too often. Please wait a little and try again."),
    Code.SERVER: _("Something went wrong on our side. It has been written to the log."),
    Code.UNAVAILABLE: _("This does not work right now. Please try again in a moment."),
    Code.DRAINING: _("The app is restarting. Please try again in a moment."),
}


class ErrorBody(TypedDict):
    """What stands under `error`."""

    code: str
    message: str
    fields: NotRequired[dict[str, list[str]]]


class ErrorShape(TypedDict):
    """The one shape of an error in JSON."""

    error: ErrorBody


class AppError(Exception):
    """Something that a person may be told.

    `fields` holds sentences by the name of the input they belong to, `retry_after`
    seconds. `permanent` tells whether the same call would fail the same way later.
    """

    code: Code = Code.INVALID

    def __init__(
        self,
        message: Sentence | None = None,
        *,
        code: Code | None = None,
        status: int | None = None,
        fields: Mapping[str, Sequence[Sentence]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code = code or self.code
        self.message: Sentence = message if message is not None else SENTENCES[self.code]
        self.status = status or self.code.status
        self.permanent = self.code not in PASSING
        self.fields = dict(fields or {})
        self.retry_after = retry_after
        super().__init__(self.code.value)

    def __str__(self) -> str:
        return str(self.message)

    def body(self) -> ErrorShape:
        """Return the one shape, in the language of whoever asks."""
        return shape(self.code, self.message, self.fields)


def shape(code: Code, message: Sentence, fields: Mapping[str, Any] | None = None) -> ErrorShape:
    """Return the one error shape, its sentences as text."""
    error: ErrorBody = {"code": str(code), "message": str(message)}
    if fields:
        error["fields"] = {name: [str(line) for line in lines] for name, lines in fields.items()}
    return {"error": error}
