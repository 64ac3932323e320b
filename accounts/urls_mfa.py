"""The pages of the second factor, by the names that allauth knows them by; each has a template of ours."""

from __future__ import annotations

from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView

from accounts import mfa_views

urlpatterns = [
    path("", base.index, name="mfa_index"),
    path("code/", never_cache(base.authenticate), name="mfa_authenticate"),
    path("confirm/", never_cache(base.reauthenticate), name="mfa_reauthenticate"),
    path("app/", never_cache(totp.activate_totp), name="mfa_activate_totp"),
    path("app/remove/", never_cache(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery/", never_cache(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("recovery/new/", never_cache(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("passkeys/", RedirectView.as_view(pattern_name="mfa_index"), name="mfa_list_webauthn"),
    path("passkeys/new/", mfa_views.add_passkey, name="mfa_add_webauthn"),
    path("passkeys/sign-in/", mfa_views.sign_in, name="mfa_login_webauthn"),
    path("passkeys/confirm/", mfa_views.confirm, name="mfa_reauthenticate_webauthn"),
    path("passkeys/<int:pk>/remove/", never_cache(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/", never_cache(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
]
