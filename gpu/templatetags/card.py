"""The card's chip, wherever a page wants it."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import formats

from gpu import panel

register = template.Library()


@register.inclusion_tag("gpu/_status.html", takes_context=True)
def card_chip(context: dict[str, Any], place: str) -> dict[str, Any]:
    """Show the chip: in the sidebar ("side"), under a phone's header ("bar"), below a page ("foot")."""
    request = context["request"]
    if "card_chip" not in context.render_context:  # type: ignore[attr-defined]
        context.render_context["card_chip"] = panel.chip(request.user)  # type: ignore[attr-defined]
    return {"card": context.render_context["card_chip"], "place": place}  # type: ignore[attr-defined]


@register.filter
def tokens(count: int) -> str:
    """Return a number of tokens with its thousands set apart, as the page's language writes it."""
    return formats.number_format(count, 0, use_l10n=True, force_grouping=True)
