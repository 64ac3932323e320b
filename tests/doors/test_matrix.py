"""Every address x everybody x every method, against the specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from chats import stopping
from chats.models import Message
from imaging.models import ImageJob
from tests.doors.conftest import ACTORS, House
from tests.doors.specification import DOORS, SOCKETS

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OUT = {"anonymous", "blocked"}
PASSES = {
    "anyone": set(ACTORS),
    "signed": set(ACTORS) - OUT,
    "grown": set(ACTORS) - OUT - {"guest"},
    "owner": {"owner"},
    "admin": {"admin"},
    "token": set[str](),
}
OTHERWISE = {"grown": "no", "owner": "nothing", "admin": "no", "token": "nothing"}


def walk(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield here or "/", pattern
        else:
            yield from walk(pattern.url_patterns, here)


def routes() -> dict[str, URLPattern]:
    return dict(walk(get_resolver().url_patterns))


def is_admins(route: str) -> bool:
    return route.startswith("admin/") and route not in {"admin/login/", "admin/logout/"}


def test_every_address_stands_in_the_specification() -> None:
    here = {route for route in routes() if not route.startswith("admin/")}
    assert here - set(DOORS) == set(), "doors without a row"
    assert set(DOORS) - here == set(), "rows without a door"


def path_of(route: str, given: dict[str, Any]) -> str:
    """Return the route with alice's things in it."""
    filled = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda found: str(given[found[1]]), route)
    filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(given.get(found[1], "1")), filled)
    plain = filled.replace("^", "").replace("/?$", "").replace("$", "").replace("\\", "")
    return f"/{plain.lstrip('/')}"


def knock(house: House, actor: str, method: str, path: str) -> Any:
    """Send a request with an empty body, and undo what it did: by token to the API, by session to pages."""
    browser, headers = house.browsers[actor], {}
    if path.startswith(("/api/", "/v1/")):
        browser = Client(raise_request_exception=False)
        headers = {"Authorization": f"Bearer {house.tokens[actor]}"} if actor in house.tokens else {}
    with transaction.atomic():
        body: dict[str, Any] = {}
        if path.startswith(("/api/", "/v1/")):
            body = {"data": "{}", "content_type": "application/json"}
        response: Any = browser.generic(method, path, headers=headers, **body)
        transaction.set_rollback(True)
    if response.streaming and not response.is_async:
        b"".join(response.streaming_content)
    return response


def outcome(response: Any) -> str:
    """Return what a status means at a door: in, login, no, nothing, method or fault."""
    status = response.status_code
    to_login = status == 302 and "/login/" in response["Location"]
    if status == 401 or to_login:
        return "login"
    return {403: "no", 404: "nothing", 405: "method"}.get(status, "fault" if status == 500 else "in")


def expected(who: str, actor: str) -> str:
    if actor in PASSES[who]:
        return "in"
    return OTHERWISE[who] if actor not in OUT or who == "token" else "login"


# Where an address says "come in" in another way: the thing is not there, or nobody is there to be signed out.
ALSO = {
    "accounts/logout/": {"login"},
    "^api/schema/?$": {"login"},  # a token that is shown must be a good one
    "link/<str:token>/": {"in"},  # a page that says the link is used up
    "setup/<str:token>/": {"in"},
    "join/<str:token>/": {"in"},
    "accounts/email/confirm/<str:token>/": {"in"},
    "accounts/second-factor/code/": {"login"},  # nobody is half-way in
    "accounts/second-factor/app/remove/": {"nothing"},  # no app is set up
    "accounts/second-factor/recovery/": {"nothing"},
    **{route: {"nothing"} for route in DOORS if "/passkeys/" in route},  # none at this address
    **{
        route: {"nothing"}
        for route in DOORS
        if route.startswith(("models/", "api/^models/(?P", "v1/^models/(?P", "v1/^(?P"))
    },  # no model
    **{route: {"nothing"} for route in DOORS if "/restore/" in route},  # it is not deleted
}


REFUSED = {302, 401, 403, 404, 405}


@pytest.mark.parametrize("route", DOORS)
def test_who_passes(house: House, route: str) -> None:
    path = path_of(route, house.address(route))
    for actor in ACTORS:
        for method in METHODS:
            who = DOORS[route].who_may(method)
            response, told = knock(house, actor, method, path), f"{method} {path} as {actor}"
            found = outcome(response)
            if not who:
                assert response.status_code in REFUSED, told
            elif found != (wanted := expected(who, actor)):
                also = ALSO.get(route, ()) if wanted == "in" or who == "token" else ()
                assert found in also, f"{told}: {found}, not {wanted}"


@pytest.mark.parametrize("route", [route for route in routes() if is_admins(route)])
def test_the_admins_pages_are_for_admins(house: House, route: str) -> None:
    path = path_of(route, house.address(route) | {"key": "k", "object_id": 1, "pk": house.people["owner"].pk})
    for actor in set(ACTORS) - {"admin"}:
        for method in ("GET", "POST"):
            found = outcome(knock(house, actor, method, path))
            assert found in {"login", "no", "nothing", "method"}, f"{method} {path} as {actor}: {found}"
    assert outcome(knock(house, "admin", "GET", path)) != "fault", path


def test_every_kind_on_the_socket_stands_in_the_specification(house: House) -> None:
    from live import kinds

    assert set(kinds._kinds) == set(SOCKETS)


@pytest.mark.parametrize("name", SOCKETS)
def test_who_follows_and_who_stops(house: House, name: str) -> None:
    from live import kinds

    kind = kinds.get(name)
    assert kind
    things = {"message": house.things["message_id"], "job": house.things["job_id"], "pull": "llama3.2:1b"}
    identity = str(things.get(name, "0"))
    for actor, user in house.people.items():
        if actor == "blocked":
            continue  # their socket is closed before any frame
        may = actor in PASSES[SOCKETS[name]]
        found = kind.find(user, identity)
        assert (found is not None) == may, f"{actor} follows {name}"
        if name == "user" and found:
            assert found.identity == str(user.pk), "everybody follows themselves alone"
        if kind.stop:
            _let_it_run(house)
            kind.stop(user, identity)
            assert _shall_stop(house) == may, f"{actor} stops {name}"


@pytest.mark.parametrize("name", SOCKETS)
@pytest.mark.parametrize("identity", ["9" * 5000, "9" * 18, "x", "-1", ""])
def test_a_crooked_name_on_the_socket_leads_nowhere(house: House, name: str, identity: str) -> None:
    from live import kinds

    kind = kinds.get(name)
    assert kind
    _let_it_run(house)
    if SOCKETS[name] == "owner":
        assert kind.find(house.people["owner"], identity) is None
    if kind.stop:
        kind.stop(house.people["owner"], identity)
        assert not _shall_stop(house)


def _let_it_run(house: House) -> None:
    """Have a worker hold alice's answer and her picture, and nobody wish to stop either."""
    message, job = house.things["message_id"], house.things["job_id"]
    stopping.clear(message)
    Message.objects.filter(pk=message).update(status="streaming", claim="a worker")
    ImageJob.objects.filter(pk=job).update(status="rendering", claim="a worker", cancelled_at=None)


def _shall_stop(house: House) -> bool:
    job = ImageJob.objects.get(pk=house.things["job_id"])
    return bool(job.cancelled_at or stopping.read_flags([house.things["message_id"]]))
