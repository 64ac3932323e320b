"""The models page: parse, authorise, one call, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.http import AuthenticatedRequest, wants_json
from gpu import choices, labels, model_actions, model_page, snapshot


@require_GET
@login_required
def models(request: AuthenticatedRequest) -> HttpResponse:
    """Show every installed model, and admins what they can do with it."""
    return render(request, "gpu/models.html", model_page.page(request.user, request.GET.get("edit", "")))


@require_GET
@login_required
def picker(request: AuthenticatedRequest) -> HttpResponse:
    """Return the picker's list as it is now."""
    seen = snapshot.read()
    chosen = request.GET.get("model") or choices.model_for(choices.CHAT, seen)
    known = labels.with_labels(seen.chat_models())
    return render(request, "gpu/_picker.html", {"models": known, "model_name": chosen})


def _acts(act: Callable[[AuthenticatedRequest, str], Any]) -> Callable[[AuthenticatedRequest], HttpResponse]:
    """Make a view of what an admin does with a model: scripts get 204, plain forms the page."""

    @require_POST
    @login_required
    def view(request: AuthenticatedRequest) -> HttpResponse:
        act(request, request.POST.get("model", ""))
        return HttpResponse(status=204) if wants_json(request) else redirect("gpu:models")

    view.__doc__ = act.__doc__
    return view


@_acts
def pull(request: AuthenticatedRequest, name: str) -> None:
    """Start a download; its progress is followed on the socket."""
    model_actions.pull(request.user, name)


@_acts
def cancel_pull(request: AuthenticatedRequest, name: str) -> None:
    """End a download."""
    model_actions.cancel_pull(request.user, name)


@_acts
def delete(request: AuthenticatedRequest, name: str) -> None:
    """Remove a model from the disk."""
    model_actions.delete(request.user, name)


@_acts
def warm(request: AuthenticatedRequest, name: str) -> None:
    """Load a model."""
    model_actions.warm(request.user, name)


@_acts
def unload(request: AuthenticatedRequest, name: str) -> None:
    """Take a model out of memory."""
    model_actions.unload(request.user, name)


@_acts
def configure(request: AuthenticatedRequest, name: str) -> None:
    """Keep a model's settings."""
    model_actions.configure(request.user, name, request.POST)


@_acts
def choose(request: AuthenticatedRequest, name: str) -> None:
    """Make a model the default for a purpose."""
    model_actions.choose(request.user, request.POST.get("purpose", ""), name)
