"""Language models in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts import audit
from gpu.models import LanguageModel


@admin.register(LanguageModel)
class LanguageModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model's window and how long it stays loaded."""

    list_display = ("name", "num_ctx", "keep_alive", "load_seconds")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: LanguageModel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit.note("model.configured", request=request, target=obj.name, fields=form.changed_data)
