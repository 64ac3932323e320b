"""Addresses of the door, of keys and of limits under `/api/`, with and without a slash at the end."""

from __future__ import annotations

from django.urls import re_path

from accounts.api import keys, usage, views

app_name = "accounts_api"
urlpatterns = [
    re_path(r"^auth/register/?$", views.Register.as_view(), name="register"),
    re_path(r"^auth/login/?$", views.Login.as_view(), name="login"),
    re_path(r"^auth/refresh/?$", views.Refresh.as_view(), name="refresh"),
    re_path(r"^auth/logout/?$", views.Logout.as_view(), name="logout"),
    re_path(r"^auth/verify/?$", views.Verify.as_view(), name="verify"),
    re_path(r"^auth/me/?$", views.Me.as_view(), name="me"),
    re_path(r"^keys/?$", keys.Keys.as_view(), name="keys"),
    re_path(r"^keys/(?P<key_id>\d{1,18})/?$", keys.OneKey.as_view(), name="key"),
    re_path(r"^usage/?$", usage.Limits.as_view(), name="usage"),
    re_path(r"^usage/days/?$", usage.Days.as_view(), name="usage_days"),
]
