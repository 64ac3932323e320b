"""allauth's pages of the second factor; those that make passkeys are there only where browsers allow them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.webauthn import views as passkey_views
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

from accounts import passkeys


def where_passkeys_work(view: Any) -> Callable[..., HttpResponseBase]:
    """Answer 404 where the browser would allow no passkey."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not passkeys.work_at(request):
            raise Http404
        response: HttpResponseBase = view(request, *args, **kwargs)
        return response

    return guarded


add_passkey = login_required(where_passkeys_work(passkey_views.add_webauthn))
sign_in = where_passkeys_work(passkey_views.login_webauthn)
confirm = login_required(where_passkeys_work(passkey_views.reauthenticate_webauthn))
