"""What the door's endpoints read and write."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.forms import LONGEST_PASSWORD
from accounts.models import USERNAME_LENGTH, ApiKey, User

NEITHER = _("Give an e-mail address or a user name.")
Loose = serializers.Serializer[Any]


class UserSerializer(serializers.ModelSerializer[User]):
    """A person, as they see themselves."""

    class Meta:
        model = User
        fields = ("id", "username", "email", "name", "role", "language", "theme", "details")
        read_only_fields = ("id", "username", "email", "role")


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


class PairSerializer(Loose):
    """Both tokens of a login; the refresh token is used up when it gets the next pair."""

    access = serializers.CharField(help_text="Send it as `Authorization: Bearer ...`; good for half an hour.")
    refresh = serializers.CharField(help_text="Gets the next pair at `/api/auth/refresh`, once.")


class TokensSerializer(PairSerializer):
    """Both tokens and whose they are."""

    user = UserSerializer()


class WaitingSerializer(Loose):
    """The account is made, and an admin has to let its person in."""

    waiting = serializers.BooleanField()


class VerifiedSerializer(Loose):
    """Whether the token or the session is good, and whose it is."""

    valid = serializers.BooleanField()
    user = UserSerializer(allow_null=True)


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
    invite = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="The token of an invite."
    )


class LoginSerializer(_DoorSerializer):
    """Who they say they are; `otp` is a code of their app where a second factor is set up."""

    email = serializers.CharField(required=False, allow_blank=True, default="", max_length=254)
    otp = serializers.CharField(required=False, allow_blank=True, default="", max_length=32)


class RefreshSerializer(Loose):
    """The long-lived token."""

    refresh = serializers.CharField()


class LogoutSerializer(Loose):
    """The refresh token, when the access token has ended already."""

    refresh = serializers.CharField(required=False, allow_blank=True, default="")


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """A named key; its text begins with `oc_<hint>_` and is never shown again."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(ApiKey.Scope.choices), min_length=1, max_length=len(ApiKey.Scope)
    )

    class Meta:
        model = ApiKey
        fields = ("id", "name", "hint", "scopes", "created_at", "used_at", "expires_at")
        read_only_fields = ("id", "hint", "created_at", "used_at")


class NewKeySerializer(KeySerializer):
    """A key that has just been made, with its text."""

    key = serializers.CharField(
        allow_null=True, help_text="Shown this once; null when an `Idempotency-Key` repeats the call."
    )

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "key")  # type: ignore[assignment]


class LimitSerializer(Loose):
    """Something scarce: minutes of the card, pictures (both in 24 hours), megabytes kept."""

    kind = serializers.CharField(help_text="gpu, picture or storage")
    label = serializers.CharField()  # type: ignore[assignment]
    used = serializers.FloatField()
    allowed = serializers.FloatField(allow_null=True, help_text="null: no limit")
    share = serializers.FloatField(help_text="0 to 1")
    is_close = serializers.BooleanField()
    is_reached = serializers.BooleanField()
    frees_at = serializers.DateTimeField(allow_null=True)
    line = serializers.CharField(help_text="The same in words.")


class UsageSerializer(Loose):
    """What the caller has used of what they may use."""

    limits = LimitSerializer(many=True)


class DaySerializer(Loose):
    """What was used on one day, in UTC."""

    day = serializers.DateField()
    gpu_seconds = serializers.FloatField()
    pictures = serializers.FloatField()
