"""Pages of our own at the door."""

from __future__ import annotations

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("setup/<str:token>/", views.setup, name="setup"),
    path("link/<str:token>/", views.one_time, name="one_time"),
    path("language/", views.language, name="language"),
]
