"""Who may do what: verbs, held by groups; each role is a group of its own name.

A page that hides a button checks nothing: whoever writes asks `check` first.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from accounts.models import Allowance, Role, User, Verb

DEFAULTS: dict[str, tuple[Verb, ...]] = {
    Role.ADMIN: tuple(Verb),
    Role.USER: tuple(Verb),
    Role.GUEST: (Verb.CHAT, Verb.DRAW),
}
GUEST_LIMITS = {"gpu_minutes": 30.0, "pictures": 10, "storage_mb": 200}
REFUSALS: dict[str, Promise] = {
    Verb.CHAT: _("Your account may not send messages. Please ask the admin."),
    Verb.DRAW: _("Your account may not make pictures. Please ask the admin."),
    Verb.SEARCH_WEB: _("Your account may not search the web. Ask without the search, or ask the admin."),
    Verb.BORROW_CARD: _("Your account may not borrow the card. Please ask the admin."),
    Verb.USE_API: _("Your account may not use the API with keys. Please ask the admin."),
}


def may(user: Any, verb: Verb) -> bool:
    """Return whether the person may do it; the answer is looked up once a request."""
    return bool(user.has_perm(f"accounts.{verb.value}"))


def check(user: Any, verb: Verb) -> None:
    """Raise AppError forbidden unless the person may do it."""
    if not may(user, verb):
        raise AppError(REFUSALS[verb], code=Code.FORBIDDEN)


def permissions_of(user: User) -> QuerySet[Permission]:
    """Return what the person's role and their other groups hold."""
    return Permission.objects.filter(Q(group__name=user.role) | Q(group__user=user))


def verbs() -> QuerySet[Permission]:
    """Return the permissions that groups here are made of."""
    return _permissions(tuple(Verb))


def _permissions(wanted: tuple[Verb, ...]) -> QuerySet[Permission]:
    codenames = [verb.value for verb in wanted]
    return Permission.objects.filter(content_type__app_label="accounts", codename__in=codenames)


def create_groups(**_told: Any) -> None:
    """Make the group of each role that has none yet; what an admin has changed in one stays."""
    for role, verbs in DEFAULTS.items():
        group, is_new = Group.objects.get_or_create(name=role)
        if is_new:
            group.permissions.set(_permissions(verbs))
            if role == Role.GUEST:
                Allowance.objects.get_or_create(group=group, defaults=GUEST_LIMITS)
