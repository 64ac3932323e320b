"""The app's addresses."""

from __future__ import annotations

from django.urls import re_path

from imaging import views

app_name = "imaging"
urlpatterns = [
    re_path(r"^media/(?P<sha256>[0-9a-f]{64})/(?P<variant>original|256|768)$", views.media, name="media"),
]
