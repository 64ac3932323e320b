"""The app's entry in Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImagingConfig(AppConfig):
    """Pictures."""

    name = "imaging"
    verbose_name = _("Pictures")
