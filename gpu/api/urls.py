"""The API's addresses, with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path

from gpu.api import models, views

urlpatterns = [
    re_path(r"^models/?$", models.Models.as_view(), name="api_models"),
    re_path(r"^models/(?P<name>[\w.:/-]{0,189}[\w.:-])/?$", models.OneModel.as_view(), name="api_model"),
    re_path(r"^gpu/?$", views.Gpu.as_view(), name="api_gpu"),
    re_path(r"^gpu/history/?$", views.History.as_view(), name="api_gpu_history"),
    re_path(r"^gpu/diary/?$", views.Diary.as_view(), name="api_gpu_diary"),
    re_path(r"^gpu/borrow/?$", views.Borrow.as_view(), name="api_gpu_borrow"),
    re_path(r"^process/status/?$", views.ProcessStatus.as_view(), name="api_process_status"),
    re_path(r"^process/switch/?$", views.ProcessSwitch.as_view(), name="api_process_switch"),
]
