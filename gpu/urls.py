"""The app's addresses."""

from __future__ import annotations

from django.urls import path

from gpu import views

app_name = "gpu"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/pull/", views.pull, name="pull"),
]
