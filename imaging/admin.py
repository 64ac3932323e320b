"""Pictures in the admin: that they exist and how they ended, never what they show or say."""

from __future__ import annotations

from django.contrib import admin

from chats.admin import MetadataAdmin
from imaging import workflow_admin  # noqa: F401 - registers itself
from imaging.models import ImageJob, StoredFile


@admin.register(ImageJob)
class ImageJobAdmin(MetadataAdmin):
    """Who ordered pictures, of which kind, and what went wrong; their words stay with their owners."""

    list_display = ("pk", "user", "kind", "status", "variants", "model_name", "error_code", "created_at")
    list_filter = ("status", "kind")
    search_fields = ("user__username", "model_name", "error_code")
    fields = readonly_fields = (
        "user",
        "kind",
        "status",
        "width",
        "height",
        "variants",
        "model_name",
        "workflow_hash",
        "settings",
        "attempts",
        "error_code",
        "error_about",
        "numbers",
        "created_at",
        "started_at",
        "finished_at",
    )


@admin.register(StoredFile)
class StoredFileAdmin(MetadataAdmin):
    """Which files there are and how large they are."""

    list_display = ("sha256", "content_type", "width", "height", "bytes", "created_at")
    list_select_related = ()
    fields = readonly_fields = list_display
