"""What people change about themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import LONGEST_PASSWORD
from accounts.models import User

WRONG_PASSWORD = _("This is not your current password.")


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name that others see, the language, and how the pages look."""

    class Meta:
        model = User
        fields = ("name", "language", "theme", "details")
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class PasswordAsked(forms.Form):
    """Something that asks for the password once more."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(WRONG_PASSWORD)
        return password


class EmailForm(PasswordAsked):
    """Another address, or none."""

    email = forms.EmailField(
        label=_("New address"),
        required=False,
        max_length=190,
        help_text=_("Empty: no address."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("email", "password")


class LeaveForm(PasswordAsked):
    """Going for good."""
