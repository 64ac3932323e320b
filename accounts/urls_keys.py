"""The pages of a person's API keys."""

from __future__ import annotations

from django.urls import path

from accounts import apikey_views

app_name = "api_keys"
urlpatterns = [
    path("", apikey_views.keys, name="keys"),
    path("<int:key_id>/withdraw/", apikey_views.withdraw, name="withdraw"),
]
