"""The app's place in Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from accounts import belongings, exporting, rights

        belongings.exporters.append(exporting.export)

        # Permissions are made after a migration, so the groups that hold them are too.
        post_migrate.connect(rights.create_groups, sender=self, dispatch_uid="groups of the roles")
