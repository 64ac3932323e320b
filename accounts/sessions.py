"""Where a person is signed in: browsers and programs, and how each is put out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, revoking
from accounts.errors import AppError, Code
from accounts.models import ScriptLogin, User

BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "Linux": "Linux",
}
LONGEST = 60  # characters of what a program calls itself


@dataclass(frozen=True)
class Place:
    """One place where somebody is signed in; `key` names it among its kind."""

    key: str
    name: str
    address: str
    since: datetime
    used_at: datetime
    is_here: bool = False


def name_of(agent: str) -> str:
    """Return browser and system in words, else what the program calls itself."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    if "Mozilla/" in agent and (browser or system):
        return " · ".join(part for part in (browser, system) if part)
    return agent[:LONGEST]


def browsers(request: HttpRequest) -> list[Place]:
    """Return the person's browsers, this one first; sessions that have ended are cleared away."""
    UserSession.objects.create_from_request(request)
    here = request.session.session_key
    kept = UserSession.objects.purge_and_list(request.user)
    places = [
        Place(str(row.pk), name_of(row.user_agent), row.ip, row.created_at, row.last_seen_at, key == here)
        for row in kept
        for key in [row.session_key]
    ]
    return sorted(places, key=lambda place: (not place.is_here, -place.used_at.timestamp()))


def programs(user: User) -> list[Place]:
    """Return the logins of the person's scripts that still go on, newest first."""
    open_ones = ScriptLogin.objects.filter(user=user, ended_at=None, expires_at__gt=timezone.now())
    return [
        Place(str(row.pk), name_of(row.agent), row.address or "", row.created_at, row.used_at)
        for row in open_ones.order_by("-used_at")[:100]
    ]


def end_browser(user: User, key: int) -> None:
    """Sign the person out in one browser. Raises AppError not_found."""
    row = UserSession.objects.filter(user=user, pk=key).first()
    if row is None:
        raise AppError(code=Code.NOT_FOUND)
    row.end()
    revoking.close_sockets(user.pk)


def end_elsewhere(user: User, request: HttpRequest, *, keys: bool = False) -> None:
    """Sign the person out everywhere but in this browser; with `keys` their API keys end, too."""
    with transaction.atomic():
        revoking.sign_out_everywhere(user, keys=keys)
        audit.note("user.signed_out", actor=user, request=request, target=user.username, keys=keys)
    update_session_auth_hash(request, user)


def end_programs(user: User) -> None:
    """End the logins of the person's scripts, and close what is open: a new password has ended the rest."""
    with transaction.atomic():
        ScriptLogin.objects.filter(user=user, ended_at=None).update(ended_at=timezone.now())
        transaction.on_commit(lambda: revoking.close_sockets(user.pk))


def clear_ended() -> int:
    """Forget the browsers whose sessions have ended by themselves; returns how many sessions went."""
    gone, _rows = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    kept = Session.objects.values("session_key")
    UserSession.objects.exclude(session_key__in=kept).delete()
    return gone


def sessions_of(user: User) -> list[dict[str, object]]:
    """Return the person's browsers for their export; never what lets in."""
    rows = UserSession.objects.filter(user=user).order_by("created_at")
    return list(rows.values("user_agent", "ip", "created_at", "last_seen_at"))
