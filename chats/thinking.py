"""The composer's pill that says how much a model thinks before it answers."""

from __future__ import annotations

from typing import Any

from chats.models import Preferences


def think_tool(user: Any) -> dict[str, Any]:
    """Return what the pill's template needs: how the person's chats think where a chat says nothing."""
    mine = Preferences.objects.filter(user_id=user.pk).first() if user.pk else None
    return {"usual": mine.options.get("think", "") if mine else ""}
