"""The API's addresses, with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path

from imaging.api import ordering, uploading, views

MESSAGE = r"^image/(?P<message_id>\d{1,18})"

urlpatterns = [
    re_path(r"^jobs/?$", views.Jobs.as_view(), name="api_jobs"),
    re_path(r"^jobs/(?P<job_id>\d{1,18})/?$", views.OneJob.as_view(), name="api_job"),
    re_path(r"^image/?$", views.Images.as_view(), name="api_images"),
    re_path(r"^image/upload/?$", uploading.Upload.as_view(), name="api_image_upload"),
    re_path(r"^image/generate/?$", ordering.Generate.as_view(), name="api_image_generate"),
    re_path(r"^image/generate/stream/?$", ordering.GenerateStream.as_view(), name="api_image_stream"),
    re_path(rf"{MESSAGE}/?$", views.OneImage.as_view(), name="api_image"),
    re_path(rf"{MESSAGE}/events/?$", views.Events.as_view(), name="api_image_events"),
    re_path(rf"{MESSAGE}/approve/?$", ordering.Approve.as_view(), name="api_image_approve"),
    re_path(rf"{MESSAGE}/again/?$", ordering.Again.as_view(), name="api_image_again"),
    re_path(rf"{MESSAGE}/choose/?$", views.Choose.as_view(), name="api_image_choose"),
    re_path(rf"{MESSAGE}/cancel/?$", views.Cancel.as_view(), name="api_image_cancel"),
]
