"""The language and the time zone of a request, and the one way an error reaches a person."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from accounts import audit, error_pages

ZONE_COOKIE = "zone"  # js/theme.js sets it
LONGEST_ZONE = 64  # characters of a zone's name


class LanguageMiddleware(MiddlewareMixin):
    """Speaks the person's language: their own choice, this browser's, or what it asks for."""

    def process_request(self, request: HttpRequest) -> None:
        translation.activate(_language_of(request))

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language())
        return response


def _language_of(request: HttpRequest) -> str:
    if request.user.is_authenticated:
        chosen = request.user.language
        if chosen in dict(settings.LANGUAGES):
            return chosen
    return translation.get_language_from_request(request)


class ZoneMiddleware(MiddlewareMixin):
    """Tells times by the browser's clock; to programs, which send no cookie with the API, in UTC."""

    def process_request(self, request: HttpRequest) -> None:
        zone = None if request.path.startswith("/api/") else _zone_of(request)
        timezone.activate(zone) if zone else timezone.deactivate()


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    name = request.COOKIES.get(ZONE_COOKIE, "")
    if not 0 < len(name) <= LONGEST_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # no such zone, no name of one, a folder of them
        return None


class AuditMiddleware:
    """Lets the audit log know from where something is done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with audit.during(request):
            return self._get_response(request)


class ErrorPageMiddleware(MiddlewareMixin):
    """Turns the errors that people may be told into a page, or into JSON for a script."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        error = error_pages.told(exception)
        return error_pages.respond(request, error) if error else None
