"""Which model answers where nobody has named one: the person's usual model, else everybody's."""

from __future__ import annotations

from typing import Any

from chats.models import Preferences
from gpu.choices import CHAT, model_for
from gpu.snapshot import Snapshot


def usual_model(user: Any, seen: Snapshot) -> str:
    """Return the person's own choice for new chats, while it is there; else the app's default."""
    own = Preferences.objects.filter(user=user).values_list("model_name", flat=True).first()
    model = seen.find(own) if own else None
    return model.name if model and model.chats else model_for(CHAT, seen)
