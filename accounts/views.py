"""The door: set-up, invites and one-time links, who does not get in, the forgotten password, the language."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.account.views import password_reset
from django.conf import settings
from django.contrib import messages as flashes
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit, doorstep, emailing, invites, links, registering, sessions
from accounts.errors import AppError, Code
from accounts.forms import NewPasswordForm, SetupForm, show_errors
from accounts.models import Language, LinkPurpose, User
from accounts.throttling import limited

YEAR = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
@never_cache
@limited("link", reading=True)
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
            return _let_in(request, user)
    return render(request, "accounts/setup.html", {"form": form})


def _admin_exists(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/setup_done.html", status=Code.GONE.status)


@require_http_methods(["GET", "POST"])
@never_cache
@limited("link", reading=True)
@sensitive_post_parameters("password")
def one_time(request: HttpRequest, token: str) -> HttpResponse:
    """Have the holder of the link choose a new password; they are signed in with it."""
    link = links.find_link(token, LinkPurpose.PASSWORD)
    form = NewPasswordForm(link.user, request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/one_time.html", {"form": form, "person": link.user})
    user = links.set_password(link, form.cleaned_data["password"])
    audit.note("user.password", actor=user, request=request, target=user.username)
    sessions.end_programs(user)
    return _let_in(request, user)


def _let_in(request: HttpRequest, user: User) -> HttpResponse:
    """Sign somebody in who has proven who they are but for their second factor, which is asked here too."""
    response: HttpResponse = perform_login(request, Login(user=user))
    return response


@require_http_methods(["GET"])
@never_cache
@limited("link", reading=True)
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Lead whoever holds an invite to an account of their own."""
    if request.user.is_authenticated:
        flashes.info(request, _("You have an account here already. The invite is for somebody new."))
        return redirect("chats:home")
    invites.keep(request, invites.find_invite(token))
    return redirect("account_signup")


@require_http_methods(["GET"])
@never_cache
def inactive(request: HttpRequest) -> HttpResponse:
    """Tell somebody why their account does not get in."""
    person = doorstep.look(request)
    reason = doorstep.why(person) if person else doorstep.Why.OFF
    return render(request, "account/account_inactive.html", {"person": person, "why": reason})


@require_POST
@never_cache
def stay(request: HttpRequest) -> HttpResponse:
    """Keep an account that was to be deleted, and sign in."""
    user = doorstep.stay(request)
    flashes.success(request, _("Welcome back. Everything is as you left it."))
    return _let_in(request, user)


@require_http_methods(["GET", "POST"])
@never_cache
@limited("link", reading=True)
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """Have somebody confirm that an address is theirs; a program that only looks at links changes nothing."""
    person, email = emailing.read_link(token)
    if request.method == "GET":
        return render(request, "accounts/confirm_email.html", {"person": person, "email": email})
    emailing.confirm(token, request)
    flashes.success(request, _("Thank you. The address is yours."))
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
