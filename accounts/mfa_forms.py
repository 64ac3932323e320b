"""allauth's forms of the second factor, with our words and fields."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base import forms as base_forms
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as passkey_forms
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.second_factor import burn

LONGEST_NAME = 60


def _code_input() -> forms.TextInput:
    return forms.TextInput(
        attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "maxlength": "32"}
    )


class CodeForm(base_forms.AuthenticateForm):  # type: ignore[misc]
    """A code of the app, or a recovery code, at the door."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code")
        self.fields["code"].widget = _code_input()

    def clean_code(self) -> str:
        code: str = super().clean_code()
        burn(self.authenticator, code)
        return code


class CodeAgainForm(base_forms.ReauthenticateForm, CodeForm):  # type: ignore[misc]
    """The same before something changes."""


class BeginCodesForm(totp_forms.ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app, which shows that it has the secret."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("The code that the app shows now")
        self.fields["code"].widget = _code_input()


class NewPasskeyForm(passkey_forms.AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey; it always asks for a finger, a face or a PIN, so it can stand for name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["passwordless"]
        self.fields["name"].label = _("What it is called")
        self.fields["name"].max_length = LONGEST_NAME
        self.fields["name"].widget.attrs["maxlength"] = str(LONGEST_NAME)

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["passwordless"] = True
        data: dict[str, Any] = super().clean()
        return data


class RenamePasskeyForm(passkey_forms.EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a passkey."""

    name = forms.CharField(label=_("What it is called"), max_length=LONGEST_NAME)
