"""Chats in the admin: that they exist and run, never what they say."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from chats.models import Chat


@admin.register(Chat)
class ChatAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who has chats and of when; their words stay with their owners."""

    list_display = ("pk", "user", "model_name", "created_at", "updated_at", "deleted_at")
    list_filter = ("model_name",)
    fields = readonly_fields = ("user", "model_name", "created_at", "updated_at", "deleted_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
