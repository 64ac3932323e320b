"""The card's pages: parse, authorise, one call, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest, wants_json
from gpu import actions, monitor, panel
from live.redis import RedisError


@require_GET
@login_required
def card(request: AuthenticatedRequest) -> HttpResponse:
    """Show the card on a page of its own, for browsers without scripts and for links."""
    return render(request, "gpu/page.html", panel.panel(request.user))


@require_GET
@login_required
def card_panel(request: AuthenticatedRequest) -> HttpResponse:
    """Return the panel as it is now."""
    return render(request, "gpu/_panel.html", panel.panel(request.user))


@require_GET
@login_required
def card_chip(request: AuthenticatedRequest) -> HttpResponse:
    """Return the chip as it is now, the person's own places in line with it."""
    return render(request, "gpu/_chip.html", {"card": panel.chip(request.user)})


@require_GET
@login_required
def card_history(request: AuthenticatedRequest) -> JsonResponse:
    """Return the memory's last minutes for the chart."""
    try:
        points, reading = monitor.history(), monitor.read()
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None
    return JsonResponse({"points": points, "total": reading.total})


def _acts(act: Callable[[AuthenticatedRequest], Any]) -> Callable[[AuthenticatedRequest], HttpResponse]:
    """Make a view of what a person does with the card: it answers the panel, or goes back to its page."""

    @require_POST
    @login_required
    def view(request: AuthenticatedRequest) -> HttpResponse:
        act(request)
        return card_panel_after(request)

    view.__doc__ = act.__doc__
    return view


def card_panel_after(request: AuthenticatedRequest) -> HttpResponse:
    """Answer an action: scripts get the panel anew, plain forms its page."""
    if wants_json(request) or request.headers.get("HX-Request"):
        return render(request, "gpu/_panel.html", panel.panel(request.user))
    return redirect("gpu:card")


def _is_on(request: AuthenticatedRequest, name: str) -> bool:
    return request.POST.get(name) == "1"


@_acts
def borrow(request: AuthenticatedRequest) -> None:
    """Borrow the card."""
    minutes = request.POST.get("other") or request.POST.get("minutes")
    actions.borrow_card(request.user, minutes=minutes, service=request.POST.get("service", "none"))


@_acts
def give_back(request: AuthenticatedRequest) -> None:
    """Give the card back."""
    actions.give_back(request.user)


@_acts
def switch(request: AuthenticatedRequest) -> None:
    """Have a service resident next."""
    actions.switch_to(request.user, service=request.POST.get("service", ""), force=_is_on(request, "force"))


@_acts
def free(request: AuthenticatedRequest) -> None:
    """Have both services give their memory back."""
    actions.free_card(request.user, force=_is_on(request, "force"))


@_acts
def pause(request: AuthenticatedRequest) -> None:
    """Stop or resume granting."""
    actions.pause_line(request.user, on=_is_on(request, "on"))


@_acts
def drain(request: AuthenticatedRequest) -> None:
    """Refuse or take new work."""
    actions.drain_line(request.user, on=_is_on(request, "on"))


@_acts
def retry(request: AuthenticatedRequest) -> None:
    """Try a service again that could not be made ready."""
    actions.try_again(request.user, service=request.POST.get("service", ""))
