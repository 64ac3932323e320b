"""Addresses under `/api/auth/`, with and without a slash at the end."""

from __future__ import annotations

from django.urls import re_path

from accounts.api import views

app_name = "auth_api"
urlpatterns = [
    re_path(r"^register/?$", views.register, name="register"),
    re_path(r"^login/?$", views.login, name="login"),
    re_path(r"^refresh/?$", views.refresh, name="refresh"),
    re_path(r"^me/?$", views.me, name="me"),
]
