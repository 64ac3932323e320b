"""The card's chip, wherever a page wants it."""

from __future__ import annotations

from typing import Any

from django import template

from gpu import panel

register = template.Library()


@register.inclusion_tag("gpu/_status.html", takes_context=True)
def card_chip(context: dict[str, Any], place: str) -> dict[str, Any]:
    """Show the chip: in the sidebar ("side"), under a phone's header ("bar"), below a page ("foot")."""
    request = context["request"]
    if "card_chip" not in context.render_context:  # type: ignore[attr-defined]
        context.render_context["card_chip"] = panel.chip(request.user)  # type: ignore[attr-defined]
    return {"card": context.render_context["card_chip"], "place": place}  # type: ignore[attr-defined]
