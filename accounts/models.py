"""Users and the one-time links that let somebody in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.fields import OptionalEmailField, UsernameField, fold_email, fold_username

USERNAME_LENGTH = 64

validate_username = RegexValidator(
    r"^[^\W_][\w.-]*\Z",
    _("Use letters, digits, dots, dashes and underscores; begin with a letter or a digit."),
)


class Role(models.TextChoices):
    """What somebody may do here; more rights are given in the code by these names."""

    MEMBER = "member", _("member")
    CHILD = "child", _("child")
    ADMIN = "admin", _("admin")


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
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.MEMBER)
    language = models.CharField(_("language"), max_length=8, choices=Language, blank=True, default="")
    details = models.BooleanField(_("show numbers under answers"), default=False)

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    REQUIRED_FIELDS = []

    objects = UserManager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.get_full_name()

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


class LinkPurpose(models.TextChoices):
    """What a one-time link is for."""

    SETUP = "setup", _("first admin")
    PASSWORD = "password", _("new password")


class OneTimeLink(models.Model):
    """A link that lets its holder in once; only the hash of its token is kept."""

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="one_time_links")
    purpose = models.CharField(_("purpose"), max_length=20, choices=LinkPurpose)
    token_hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("one-time link")
        verbose_name_plural = _("one-time links")

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class Usage(models.Model):
    """The ledger of what is scarce here: who used how much of what. Rows are only ever added."""

    user = models.ForeignKey(User, models.CASCADE, related_name="usage")
    kind = models.CharField(_("kind"), max_length=20)
    amount = models.FloatField(_("amount"), help_text=_("GPU seconds for the kind “gpu”."))
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        indexes = [models.Index(fields=["user", "kind", "at"], name="usage_of_a_person")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.amount:.1f}"
