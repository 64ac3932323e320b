"""What a page or a script sends with a message."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats import options

MOST_PICTURES = 4  # beside one message


class SendForm(forms.Form):
    """A message of the composer."""

    content = forms.CharField(required=False, strip=False)
    model = forms.CharField(required=False, max_length=190)
    client_id = forms.UUIDField(required=False)
    search = forms.ChoiceField(choices=[("", ""), ("on", ""), ("auto", "")], required=False)
    think = forms.ChoiceField(choices=[(level, level) for level in options.THINK], required=False)


def read_id(value: str | None) -> int | None:
    """Return a row's number out of an address; None when it is none."""
    return int(value) if value and value.isdecimal() and len(value) < 19 else None


def read_pictures(values: list[str]) -> list[int]:
    """Return the ids of the pictures that go along. Raises AppError invalid."""
    if len(values) > MOST_PICTURES or not all(value.isdecimal() and len(value) < 19 for value in values):
        raise AppError(
            _("At most %(n)d pictures go with a message.") % {"n": MOST_PICTURES}, code=Code.INVALID
        )
    return [int(value) for value in values]


def read_send(data: QueryDict) -> dict[str, Any]:
    """Return the composer's fields. Raises AppError invalid."""
    form = SendForm(data)
    if not form.is_valid():
        fields = {name: [str(line) for line in lines] for name, lines in form.errors.items()}
        raise AppError(_("Something here is not as it should be."), code=Code.INVALID, fields=fields)
    return {
        "content": form.cleaned_data["content"],
        "model_name": form.cleaned_data["model"],
        "client_id": form.cleaned_data["client_id"],
        "search": form.cleaned_data["search"],
        "think": form.cleaned_data["think"],
        "pictures": read_pictures(data.getlist("pictures")),
    }
