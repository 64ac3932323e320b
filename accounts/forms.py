"""The forms at the door: signing in and up, passwords, the first admin."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import emailing, invites, registering
from accounts.adapter import credentials
from accounts.errors import AppError
from accounts.models import USERNAME_LENGTH, User

NAME_ATTRIBUTES = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
LONGEST_PASSWORD = 1024  # hashing is work: nobody may order megabytes of it
PASSWORD_HELP = _("At least 8 characters, and not a word that everybody tries first.")


def _password_input(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": autocomplete})


def new_password_field(label: Any) -> forms.CharField:
    """Return a field for a password that somebody chooses now."""
    return forms.CharField(
        label=label,
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=_password_input("new-password"),
        help_text=PASSWORD_HELP,
    )


def show_errors(form: forms.Form, error: AppError) -> None:
    """Put the error's sentences where they belong on the form."""
    if not error.fields:
        form.add_error(None, str(error))
    for name, lines in error.fields.items():
        form.add_error(name if name in form.fields else None, [str(line) for line in lines])


class LoginForm(allauth_forms.LoginForm):  # type: ignore[misc]
    """A user name or an e-mail address, and the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail")
        self.fields["login"].widget = forms.TextInput(attrs={**NAME_ATTRIBUTES, "autofocus": True})
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields["password"].widget = _password_input("current-password")
        self.fields["password"].validators.append(MaxLengthValidator(LONGEST_PASSWORD))

    def user_credentials(self) -> dict[str, str]:
        """Return one way to look the person up."""
        return credentials(self.cleaned_data["login"], self.cleaned_data["password"])


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """User name, password, and an e-mail address for whoever has one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name")
        self.fields["username"].widget = forms.TextInput(
            attrs={**NAME_ATTRIBUTES, "maxlength": str(USERNAME_LENGTH), "autofocus": True}
        )
        self.fields["email"].label = _("E-mail") if emailing.is_needed() else _("E-mail (optional)")
        self.fields["email"].required = emailing.is_needed()
        self.fields["email"].widget = forms.EmailInput(attrs={"autocomplete": "email"})
        self.fields["password1"] = new_password_field(_("Password"))
        self.order_fields(["username", "password1", "email"])

    def clean_email(self) -> str:
        """Return the address; where it is confirmed by mail first, this page tells nobody whose it is."""
        email: str = self.cleaned_data["email"]
        taken = not emailing.is_confirmed_first() and User.objects.filter(email=email or None).exists()
        if taken and email:
            raise forms.ValidationError(emailing.TAKEN)
        return email

    def save(self, request: HttpRequest) -> User:
        """Return the new user. Raises AppError when the name or the invite went in the meantime."""
        data = self.cleaned_data
        user = registering.sign_up(
            data["username"],
            password=data["password1"],
            email=data.get("email") or None,
            invite=invites.kept(request),
            request=request,
        )
        invites.forget(request)
        return user


class ChangePasswordForm(allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """The password that is, and the one that shall be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_once(self)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["oldpassword"].help_text = ""
        self.fields["oldpassword"].widget = _password_input("current-password")


class PasswordAgainForm(allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """The password once more, before something changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Your password")
        self.fields["password"].help_text = ""
        self.fields["password"].widget = _password_input("current-password")
        self.fields["password"].validators.append(MaxLengthValidator(LONGEST_PASSWORD))


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """The address that the mail goes to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")
        self.fields["email"].widget = forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})


class ResetPasswordKeyForm(allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, for whoever holds the mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_once(self)


def _ask_once(form: forms.Form) -> None:
    del form.fields["password2"]
    form.fields["password1"].label = _("New password")
    form.fields["password1"].help_text = PASSWORD_HELP
    form.fields["password1"].widget = _password_input("new-password")
    form.fields["password1"].validators.append(MaxLengthValidator(LONGEST_PASSWORD))


class SetupForm(forms.Form):
    """The first admin's name and password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=USERNAME_LENGTH,
        widget=forms.TextInput(attrs={**NAME_ATTRIBUTES, "autofocus": True}),
    )
    password = new_password_field(_("Password"))
    email = forms.EmailField(
        label=_("E-mail (optional)"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class NewPasswordForm(forms.Form):
    """A new password, for whoever holds a one-time link."""

    password = new_password_field(_("New password"))

    def __init__(self, user: User | None, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password
