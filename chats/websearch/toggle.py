"""The composer's switch for a search: where there is a key; admins are told how to get one."""

from __future__ import annotations

from typing import Any

from chats.models import Preferences
from chats.websearch.provider import is_set_up


def search_tool(user: Any) -> dict[str, Any]:
    """Return what the switch's template needs."""
    mine = Preferences.objects.filter(user_id=user.pk).first() if user.pk else None
    return {"set_up": is_set_up(), "auto": bool(mine and mine.search_auto), "hint": user.is_admin}
