"""What the door's endpoints read and write."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.forms import LONGEST_PASSWORD
from accounts.models import USERNAME_LENGTH, User

NEITHER = _("Give an e-mail address or a user name.")
Loose = serializers.Serializer[Any]


class UserSerializer(serializers.ModelSerializer[User]):
    """A person, as they see themselves."""

    class Meta:
        model = User
        fields = ("id", "username", "email", "name", "role")
        read_only_fields = fields


class ErrorBodySerializer(Loose):
    """What went wrong: a stable code and a sentence that may be shown."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, one of them under the name that serializers keep for themselves."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class ErrorSerializer(Loose):
    """Every error of the API."""

    error = ErrorBodySerializer()


class TokensSerializer(Loose):
    """Both tokens and whose they are."""

    access = serializers.CharField(help_text="Send it as `Authorization: Bearer ...`; good for half an hour.")
    refresh = serializers.CharField(help_text="Gets a new access token at `/api/auth/refresh`.")
    user = UserSerializer()


class _DoorSerializer(Loose):
    username = serializers.CharField(required=False, allow_blank=True, default="", max_length=USERNAME_LENGTH)
    password = serializers.CharField(trim_whitespace=False, max_length=LONGEST_PASSWORD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["email"] and not attrs["username"]:
            raise serializers.ValidationError({"email": [NEITHER]})
        return attrs


class RegisterSerializer(_DoorSerializer):
    """A new account; without a user name one is made from the name or the address."""

    email = serializers.EmailField(required=False, allow_blank=True, default="")
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)


class LoginSerializer(_DoorSerializer):
    """Who they say they are."""

    email = serializers.CharField(required=False, allow_blank=True, default="", max_length=254)


class RefreshSerializer(Loose):
    """The long-lived token."""

    refresh = serializers.CharField()


class AccessSerializer(Loose):
    """A fresh short-lived token."""

    access = serializers.CharField()
