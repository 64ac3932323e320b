"""The door: set-up and one-time links, the forgotten password, the language."""

from __future__ import annotations

from allauth.account.views import password_reset
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import links, registering
from accounts.errors import AppError, Code
from accounts.forms import NewPasswordForm, SetupForm, show_errors
from accounts.models import Language, LinkPurpose, User

BACKEND = "accounts.backends.Backend"
YEAR = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password")
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Have the holder of the set-up link become the first admin."""
    if User.objects.admins().exists():
        return _admin_exists(request)
    link = links.find_link(token, LinkPurpose.SETUP)
    form = SetupForm(request.POST or None)
    if form.is_valid():
        try:
            user = registering.register_first_admin(link, **form.cleaned_data)
        except AppError as error:
            if error.code is Code.CONFLICT:
                return _admin_exists(request)
            if error.code is not Code.INVALID:
                raise
            show_errors(form, error)
        else:
            login(request, user, BACKEND)
            return redirect("chats:home")
    return render(request, "accounts/setup.html", {"form": form})


def _admin_exists(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/setup_done.html", status=Code.GONE.status)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password")
def one_time(request: HttpRequest, token: str) -> HttpResponse:
    """Have the holder of the link choose a new password; they are signed in with it."""
    link = links.find_link(token, LinkPurpose.PASSWORD)
    form = NewPasswordForm(link.user, request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/one_time.html", {"form": form, "person": link.user})
    user = links.set_password(link, form.cleaned_data["password"])
    login(request, user, BACKEND)
    return redirect("chats:home")


@require_http_methods(["GET", "POST"])
@never_cache
def forgot(request: HttpRequest) -> HttpResponseBase:
    """Send a mail with a link; where there is no mail, say who has one."""
    if settings.EMAIL_CONFIGURED:
        response: HttpResponseBase = password_reset(request)
        return response
    return render(request, "account/password_reset_ask.html")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the choice with the account, or in this browser for whoever is not signed in."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        raise AppError(code=Code.INVALID)
    if request.user.is_authenticated:
        request.user.language = Language(chosen)
        request.user.save(update_fields=["language"])
    response = redirect(_safe_next(request))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, chosen, max_age=YEAR, samesite="Lax", secure=request.is_secure()
    )
    return response


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"
