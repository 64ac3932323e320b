"""A person's own pages: who they are, how the pages look, where they are signed in."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages as flashes
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import apikey_views, avatars, emailing, exporting, leaving, limits, passkeys, sessions, tokens
from accounts.downloads import send_file
from accounts.errors import AppError, Code
from accounts.forms import show_errors
from accounts.http import AuthenticatedRequest
from accounts.models import Avatar, ScriptLogin, Theme, User
from accounts.profile_forms import EmailForm, LeaveForm, ProfileForm
from accounts.throttling import limited

YEAR = 365 * 24 * 3600  # seconds


@never_cache
@require_GET
@login_required
def account(request: AuthenticatedRequest) -> HttpResponse:
    """Show everything that is the person's own."""
    return render(request, "accounts/account.html", _page(request))


def _page(request: AuthenticatedRequest, form: ProfileForm | None = None) -> dict[str, Any]:
    user = request.user
    waiting = User.objects.filter(is_active=False, waits_since__isnull=False).count() if user.is_admin else 0
    return {
        "form": form or ProfileForm(instance=user),
        "avatar_sha": avatars.sha_of(user),
        "limits": limits.read_limits(user),
        "factors": set(Authenticator.objects.filter(user=user).values_list("type", flat=True)),
        "passkeys_work": passkeys.work_at(request),
        "browsers": sessions.browsers(request),
        "programs": sessions.programs(user),
        "waiting": waiting,
        **apikey_views.section(user),
    }


@require_POST
@login_required
def profile(request: AuthenticatedRequest) -> HttpResponse:
    """Keep the name, the language and the look."""
    form = ProfileForm(request.POST, instance=request.user)
    if not form.is_valid():
        request.user.refresh_from_db()
        return render(request, "accounts/account.html", _page(request, form), status=400)
    form.save()
    flashes.success(request, _("Saved."))
    return redirect("accounts:account")


@require_POST
@login_required
def look(request: AuthenticatedRequest) -> HttpResponse:
    """Keep the look or the switch of details as a page has just changed it."""
    user, changed = request.user, []
    if (theme := request.POST.get("theme")) is not None:
        if theme not in Theme.values:
            raise AppError(code=Code.INVALID)
        user.theme = theme
        changed.append("theme")
    if (details := request.POST.get("details")) is not None:
        user.details = details == "on"
        changed.append("details")
    if changed:
        user.save(update_fields=changed)
    return HttpResponse(status=204)


@require_POST
@login_required
def set_avatar(request: AuthenticatedRequest) -> HttpResponse:
    """Keep a picture, or with `remove` let it go."""
    if "remove" in request.POST:
        avatars.remove_avatar(request.user)
        return redirect("accounts:account")
    file = request.FILES.get("picture")
    if file is None or isinstance(file, list):
        raise AppError(_("Choose a picture first."), code=Code.INVALID)
    if (file.size or 0) > avatars.MOST_BYTES:
        raise AppError(avatars.TOO_LARGE, code=Code.TOO_LARGE)
    avatars.set_avatar(request.user, file.read())
    return redirect("accounts:account")


@require_GET
@login_required
def avatar(request: HttpRequest, user_id: int, sha: str) -> HttpResponse:
    """Answer somebody's picture."""
    found = Avatar.objects.filter(user=user_id, sha=sha).values_list("data", flat=True).first()
    if found is None:
        raise Http404
    response = HttpResponse(bytes(found), content_type="image/webp")
    response["Cache-Control"] = f"private, max-age={YEAR}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response


@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
@login_required
@limited("confirm")
def email(request: AuthenticatedRequest) -> HttpResponseBase:
    """Give the account another address, once the password was given."""
    form = EmailForm(request.user, request.POST or None, initial={"email": request.user.email or ""})
    if form.is_valid():
        try:
            asked = emailing.change_email(request.user, form.cleaned_data["email"], request)
        except AppError as error:
            if error.code is not Code.INVALID:
                raise
            show_errors(form, error)
        else:
            said = _("Look into your mail: a link there makes the address yours.") if asked else _("Saved.")
            flashes.success(request, said)
            return redirect("accounts:account")
    return render(request, "accounts/email.html", {"form": form})


@require_POST
@login_required
def end_browser(request: AuthenticatedRequest, session_id: int) -> HttpResponse:
    """Sign the person out in one browser."""
    sessions.end_browser(request.user, session_id)
    return redirect("accounts:account")


@require_POST
@login_required
def end_program(request: AuthenticatedRequest, login_id: str) -> HttpResponse:
    """End the login of one program."""
    login = ScriptLogin.objects.filter(user=request.user, pk=login_id).first()
    if login is None:
        raise AppError(code=Code.NOT_FOUND)
    tokens.end(login)
    return redirect("accounts:account")


@require_POST
@login_required
def end_elsewhere(request: AuthenticatedRequest) -> HttpResponse:
    """Sign the person out everywhere but here."""
    sessions.end_elsewhere(request.user, request, keys="keys" in request.POST)
    flashes.success(request, _("You are signed out everywhere but here."))
    return redirect("accounts:account")


@require_POST
@login_required
@limited("export")
def export(request: AuthenticatedRequest) -> HttpResponseBase:
    """Answer everything that is the person's as one zip."""
    name = f"{request.user.username}-{timezone.localdate().isoformat()}.zip"
    return send_file(request, exporting.export_zip(request.user), "application/zip", name)


@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
@login_required
@limited("confirm")
def leave(request: AuthenticatedRequest) -> HttpResponseBase:
    """Have the account deleted in 30 days, once the password was given."""
    user = request.user
    if leaving.is_only_admin(user):
        return render(request, "accounts/leave.html", {"only_admin": True})
    form = LeaveForm(user, request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/leave.html", {"form": form, "days": leaving.KEPT.days})
    leaving.leave(user, request)
    logout(request)
    return render(request, "accounts/left.html", {"person": user})
