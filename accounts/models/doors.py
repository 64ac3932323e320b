"""What lets somebody in: one-time links, invites, the logins of scripts, API keys."""

from __future__ import annotations

import secrets
import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Role, User


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


class Invite(models.Model):
    """A link by which people make accounts of their own; only the hash of its token is kept."""

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    note = models.CharField(_("note"), max_length=100, blank=True, help_text=_("For whom it is."))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.USER)
    most_uses = models.PositiveIntegerField(_("accounts it makes at most"), default=1)
    uses = models.PositiveIntegerField(_("accounts it has made"), default=0, editable=False)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("ends"))
    revoked_at = models.DateTimeField(_("withdrawn"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("invite")
        verbose_name_plural = _("invites")

    def __str__(self) -> str:
        return self.note or str(_("invite %(number)s") % {"number": self.pk})

    @property
    def is_open(self) -> bool:
        """Whether it still makes accounts."""
        return self.revoked_at is None and self.uses < self.most_uses and self.expires_at > timezone.now()


class ScriptLogin(models.Model):
    """One sign-in of a script: its refresh tokens follow each other, and it ends as a whole."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="script_logins")
    refresh_jti = models.CharField(max_length=64)  # of the one refresh token that may be used next
    agent = models.CharField(_("program"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("login of a script")
        verbose_name_plural = _("logins of scripts")

    def __str__(self) -> str:
        return f"{self.user_id} {self.id}"


def new_key_hint() -> str:
    """Return the open part of a key, by which it is looked up."""
    return secrets.token_hex(4)


class ApiKey(models.Model):
    """A named key for scripts and other programs: `oc_<hint>_<secret>`; only the hash of it is kept."""

    class Scope(models.TextChoices):
        READ = "read", _("read everything, change nothing")
        CHAT = "chat", _("chats")
        PICTURES = "pictures", _("pictures")
        CARD = "card", _("the card")

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100)
    hint = models.CharField(max_length=16, unique=True, default=new_key_hint, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("may"), default=list)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    expires_at = models.DateTimeField(_("ends"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name
