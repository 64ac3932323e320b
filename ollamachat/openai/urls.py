"""Addresses under `/v1/`, with and without a slash at the end."""

from __future__ import annotations

from django.urls import re_path

from ollamachat.openai import views

app_name = "openai"
urlpatterns = [
    re_path(r"^models/?$", views.models, name="models"),
    re_path(r"^models/(?P<name>[\w.:/-]{0,189}[\w.:-])/?$", views.one_model, name="model"),
    re_path(r"^chat/completions/?$", views.chat_completions, name="chat_completions"),
    re_path(r"^images/generations/?$", views.image_generations, name="image_generations"),
    re_path(r"^(?P<rest>.*)$", views.nothing, name="nothing"),
]
