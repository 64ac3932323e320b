"""Users, their roles, and what they have set for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.fields import OptionalEmailField, UsernameField, fold_email, fold_username

USERNAME_LENGTH = 64

validate_username = RegexValidator(
    r"^[^\W_][\w.-]*\Z",
    _("Use letters, digits, dots, dashes and underscores; begin with a letter or a digit."),
)


class Role(models.TextChoices):
    """What somebody is here. Each role is also a group of this name, which holds its rights and limits."""

    USER = "user", _("user")
    GUEST = "guest", _("guest")
    ADMIN = "admin", _("admin")


class Verb(models.TextChoices):
    """What a person may be allowed to do; each is a permission that groups hold (accounts.rights)."""

    CHAT = "chat", _("Send messages to models")
    DRAW = "draw", _("Make pictures")
    SEARCH_WEB = "search_web", _("Search the web")
    BORROW_CARD = "borrow_card", _("Borrow the card")
    USE_API = "use_api", _("Use the API with keys of their own")


class Theme(models.TextChoices):
    """How the pages look; the empty one follows the device."""

    DEVICE = "", _("as the device has it")
    LIGHT = "light", _("light")
    DARK = "dark", _("dark")


class Language(models.TextChoices):
    """The languages of the pages; the empty one follows the browser."""

    BROWSER = "", _("as the browser has it")
    ENGLISH = "en", "English"
    RUSSIAN = "ru", "Русский"


class UserManager(DjangoUserManager["User"]):
    """Makes users whose rights follow from their role."""

    def create_user(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """Return a new saved user; without a password nobody can sign in as them."""
        user = self.model(username=username, email=email, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        """Return a new saved admin."""
        return self.create_user(username, email, password, **{**extra, "role": Role.ADMIN})

    def admins(self) -> models.QuerySet[User]:
        """Return the admins who can sign in."""
        return self.filter(role=Role.ADMIN, is_active=True)


class User(AbstractUser):
    """A person. Children have no e-mail address; `name` is what others see."""

    username = UsernameField(
        _("user name"),
        max_length=USERNAME_LENGTH,
        unique=True,
        validators=[validate_username],
        error_messages={"unique": _("This user name is taken.")},
    )
    email = OptionalEmailField(
        _("e-mail"),
        max_length=190,  # with four bytes a letter the longest that every MySQL index holds
        unique=True,
        null=True,
        blank=True,
        error_messages={"unique": _("This address is taken.")},
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.USER)
    language = models.CharField(_("language"), max_length=8, choices=Language, blank=True, default="")
    theme = models.CharField(_("look"), max_length=8, choices=Theme, blank=True, default="")
    details = models.BooleanField(_("show numbers under answers"), default=False)
    waits_since = models.DateTimeField(_("waits for approval since"), null=True, blank=True, editable=False)
    leaves_at = models.DateTimeField(_("is deleted at"), null=True, blank=True, editable=False)
    invite = models.ForeignKey(
        "accounts.Invite", models.SET_NULL, null=True, editable=False, related_name="guests"
    )
    # Part of what every session is signed with: a new number ends them all.
    sessions_round = models.PositiveIntegerField(default=0, editable=False)

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    REQUIRED_FIELDS = []

    objects = UserManager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        default_permissions = ()
        permissions = [(verb.value, verb.label) for verb in Verb]

    def __str__(self) -> str:
        return self.get_full_name()

    def get_session_auth_hash(self) -> str:
        """Return what a session must carry to be this person's: the password, and the round."""
        return f"{super().get_session_auth_hash()}.{self.sessions_round}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield the same under retired secret keys."""
        for fallback in super().get_session_auth_fallback_hash():
            yield f"{fallback}.{self.sessions_round}"

    @property
    def waits_for_approval(self) -> bool:
        return not self.is_active and self.waits_since is not None

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_staff(self) -> bool:  # type: ignore[override]
        return self.is_admin

    @property
    def is_superuser(self) -> bool:  # type: ignore[override]
        return self.is_admin

    def clean(self) -> None:
        """Fold the name and the address before they are compared with what is there."""
        self.username = fold_username(self.username)
        self.email = fold_email(self.email or "")

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()


class Avatar(models.Model):
    """A person's picture, re-encoded and small; it stands in the database, so that nothing serves a file."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="avatar")
    sha = models.CharField(max_length=64)
    data = models.BinaryField()  # WebP, 256 x 256

    def __str__(self) -> str:
        return f"avatar of {self.user_id}"
