"""The admins' page of invites."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import invites, policy, qr
from accounts.addresses import public_address
from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from accounts.models import Invite, Role


class InviteForm(forms.Form):
    """Whom an invite is for, what they will be, how many they are, and how long it is good."""

    note = forms.CharField(
        label=_("For whom"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=_("They will be"), choices=Role.choices, initial=Role.USER)
    most_uses = forms.IntegerField(
        label=_("For how many people"), min_value=1, max_value=invites.MOST_USES, initial=1
    )
    days = forms.IntegerField(
        label=_("Good for how many days"), min_value=1, max_value=invites.MOST_DAYS, initial=7
    )


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def invites_page(request: AuthenticatedRequest) -> HttpResponse:
    """Show the open invites; POST makes one, whose link stands in this answer alone."""
    _check_admin(request)
    form = InviteForm(request.POST or None, auto_id="invite_%s")
    context: dict[str, Any] = {"form": form, "works": policy.invites_work()}
    if request.method == "POST" and form.is_valid():
        _invite, token = invites.create_invite(request.user, request=request, **form.cleaned_data)
        link = public_address(request, reverse("accounts:join", args=[token]))
        context |= {"link": link, "code": qr.svg(link), "form": InviteForm(auto_id="invite_%s")}
    context["invites"] = invites.open_ones().select_related("made_by")
    status = 400 if form.is_bound and not form.is_valid() else 200
    return render(request, "accounts/invites.html", context, status=status)


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, invite_id: int) -> HttpResponse:
    """Withdraw an invite."""
    _check_admin(request)
    invite = Invite.objects.filter(pk=invite_id).first()
    if invite is None:
        raise AppError(code=Code.NOT_FOUND)
    if invites.revoke_invite(invite, request):
        flashes.success(request, _("The invite is withdrawn. Accounts that it made stay."))
    return redirect("accounts:invites")


def _check_admin(request: AuthenticatedRequest) -> None:
    if not request.user.is_admin:
        raise AppError(code=Code.FORBIDDEN)
