"""The API keys of a person, on their own page and as a part of the account's (`section`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import apikeys, rights
from accounts.errors import AppError
from accounts.forms import show_errors
from accounts.http import AuthenticatedRequest
from accounts.models import ApiKey, User, Verb

ENDS = [("", _("never")), ("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year"))]


class KeyForm(forms.Form):
    """What a new key is called, what it may do, and when it ends."""

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=ApiKey.Scope.choices,
        initial=[ApiKey.Scope.CHAT],
        widget=forms.CheckboxSelectMultiple,
    )
    ends = forms.ChoiceField(label=_("Ends"), choices=ENDS, required=False)

    def expires_at(self) -> Any:
        """Return when the key ends; None for never."""
        days = self.cleaned_data["ends"]
        return timezone.now() + timedelta(days=int(days)) if days else None


def section(user: User, form: KeyForm | None = None) -> dict[str, Any]:
    """Return the context of `accounts/_api_keys.html`."""
    return {
        "api_keys": apikeys.mine(user),
        "api_key_form": form or KeyForm(auto_id="key_%s"),
        "may_make_keys": rights.may(user, Verb.USE_API),
        "now": timezone.now(),
    }


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def keys(request: AuthenticatedRequest) -> HttpResponse:
    """Show the person's keys; POST makes one, whose text stands in this answer alone."""
    if request.method == "GET":
        return render(request, "accounts/api_keys.html", section(request.user))
    rights.check(request.user, Verb.USE_API)
    form = KeyForm(request.POST, auto_id="key_%s")
    made = _make(request, form) if form.is_valid() else None
    if made is None:
        return render(request, "accounts/api_keys.html", section(request.user, form), status=400)
    return render(request, "accounts/api_keys.html", {**section(request.user), "made": made})


def _make(request: AuthenticatedRequest, form: KeyForm) -> str | None:
    try:
        _key, text = apikeys.create_key(
            request.user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at(),
            request=request,
        )
    except AppError as error:
        show_errors(form, error)
        return None
    return text


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, key_id: int) -> HttpResponse:
    """Withdraw a key of the person's."""
    apikeys.revoke_key(request.user, key_id, request=request)
    flashes.success(request, _("The key is withdrawn. Nothing gets in with it any more."))
    return redirect("api_keys:keys")
