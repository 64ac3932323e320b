"""People as pages show them."""

from __future__ import annotations

from typing import Any

from django import template

from accounts import avatars, passkeys
from accounts.models import User

register = template.Library()
HUES = 8  # colours behind initials, in css/avatar.css


@register.inclusion_tag("accounts/_avatar.html")
def avatar(person: User) -> dict[str, Any]:
    """Show a person's picture, else their initials on a colour of their own."""
    words = person.get_full_name().split()
    letters = [word[0] for word in (words[:1] + words[1:][-1:])]
    return {
        "person": person,
        "sha": avatars.sha_of(person),
        "initials": "".join(letters).upper(),
        "hue": person.pk % HUES,
    }


@register.simple_tag(takes_context=True)
def passkeys_work(context: dict[str, Any]) -> bool:
    """Return whether the browser allows passkeys at this address."""
    return passkeys.work_at(context["request"])
