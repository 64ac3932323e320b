"""What was used, what may be used, and who did what."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


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


class Allowance(models.Model):
    """How much of what is scarce a person, or each person of a group, may use; empty: no limit of its own."""

    user = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="allowance")
    group = models.OneToOneField(Group, models.CASCADE, null=True, blank=True, related_name="allowance")
    gpu_minutes = models.FloatField(
        _("minutes of the card in 24 hours"), null=True, blank=True, validators=[MinValueValidator(0)]
    )
    pictures = models.PositiveIntegerField(_("pictures in 24 hours"), null=True, blank=True)
    storage_mb = models.PositiveIntegerField(_("storage, MB"), null=True, blank=True)

    class Meta:
        verbose_name = _("limits")
        verbose_name_plural = _("limits")

    def __str__(self) -> str:
        return str(self.user or self.group or "")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries are only ever added."""

    def update(self, **_changes: Any) -> NoReturn:
        raise TypeError("the audit log is only added to")

    def delete(self) -> NoReturn:
        raise TypeError("the audit log is only added to")


class AuditEntry(models.Model):
    """Who did what to whom, and from where. Names stand beside the ids, since people leave."""

    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    actor_id = models.BigIntegerField(null=True, db_index=True)
    actor_name = models.CharField(_("who"), max_length=100, blank=True)
    action = models.CharField(_("did"), max_length=40, db_index=True)
    target = models.CharField(_("to"), max_length=200, blank=True)
    details = models.JSONField(_("details"), default=dict)
    address = models.GenericIPAddressField(_("from"), null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry. Raises TypeError for one that is there already."""
        if self.pk:
            raise TypeError("the audit log is only added to")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit log is only added to")


class IdempotentCall(models.Model):
    """A call that was made under an `Idempotency-Key`, and its answer once there is one."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=190)
    request_hash = models.CharField(max_length=64)  # of the method, the address and the body
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="called_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.key}"
