from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from accounts.middleware import ZoneMiddleware


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    yield
    timezone.deactivate()


def zone_of(rf: RequestFactory, cookie: str, path: str = "/") -> str:
    """Return the zone in which a request with this cookie is answered."""

    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    rf.cookies["zone"] = cookie
    response = ZoneMiddleware(answer)(rf.get(path))
    assert isinstance(response, HttpResponse)
    return response.content.decode()


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/Argentina/Ushuaia", "UTC"])
def test_times_are_told_by_the_browsers_clock(rf: RequestFactory, zone: str) -> None:
    assert zone_of(rf, zone) == zone


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "America", "../../etc/passwd", "/etc/localtime", "x" * 5000]
)
def test_what_names_no_zone_is_utc_also_after_somebody_elses_request(rf: RequestFactory, name: str) -> None:
    zone_of(rf, "Asia/Kathmandu")
    assert zone_of(rf, name) == "UTC"


def test_programs_are_told_times_in_utc(rf: RequestFactory) -> None:
    assert zone_of(rf, "Asia/Kathmandu", "/api/chats") == "UTC"
