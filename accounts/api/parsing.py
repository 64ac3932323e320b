"""What the API reads and in what form it answers, whatever is sent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from accounts.errors import AppError, Code

DEEPEST = 32  # lists and objects inside each other
TOO_DEEP = _("This JSON is nested too deeply.")


class Json(BaseParser):
    """Reads JSON that is neither too large nor nested too deeply."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return what was sent. Raises ParseError, AppError (too_large, invalid)."""
        data = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(data) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise AppError(code=Code.TOO_LARGE)
        return read_json(data)


def read_json(data: bytes) -> Any:
    """Return what the bytes say, in text that a database takes. Raises ParseError, AppError invalid."""
    try:
        found = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise AppError(TOO_DEEP, code=Code.INVALID) from None
    except ValueError:
        raise ParseError from None
    if _is_deeper(found, DEEPEST):
        raise AppError(TOO_DEEP, code=Code.INVALID)
    if not _is_text(found):
        raise ParseError
    return found


def _is_text(found: Any) -> bool:
    """Return whether no half of a pair of surrogates stands alone, which JSON can write and UTF-8 cannot."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(constant: str) -> Any:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError(constant)


def _finite(text: str) -> float:
    """Return the number, which some texts have no room for."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _is_deeper(found: Any, most: int) -> bool:
    level = [found]
    for _depth in range(most + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


class AnyAccept(BaseContentNegotiation):
    """Answers as the endpoint does, whatever `Accept` says: an error is JSON for a stream's reader too."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def read_body(kind: Any, request: Request) -> dict[str, Any]:
    """Return the body as the serializer `kind` has it. Raises DRF's ValidationError."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    found: Mapping[str, Any] = serializer.validated_data
    return dict(found)
