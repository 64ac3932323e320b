"""Language models in the admin."""

from __future__ import annotations

from django.contrib import admin

from gpu.models import LanguageModel


@admin.register(LanguageModel)
class LanguageModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model's window and how long it stays loaded."""

    list_display = ("name", "num_ctx", "keep_alive", "load_seconds")
    search_fields = ("name",)
