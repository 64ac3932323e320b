"""The audit log in the admin: it is read, never written."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who did what to whom, and from where."""

    list_display = ("at", "actor_name", "action", "target", "address")
    search_fields = ("actor_name", "action", "target")
    date_hierarchy = None
    ordering = ("-pk",)
    show_full_result_count = False
    fields = readonly_fields = ("at", "actor_name", "actor_id", "action", "target", "details", "address")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False
