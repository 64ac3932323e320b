"""The sidebar on pages of apps that know nothing of chats."""

from __future__ import annotations

from typing import Any

from django import template

from chats import listing

register = template.Library()


@register.simple_tag(takes_context=True)
def chat_list(context: dict[str, Any]) -> Any:
    """Return the person's chats as the sidebar lists them."""
    return listing.sidebar(context["user"])
