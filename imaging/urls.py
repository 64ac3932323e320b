"""The app's addresses."""

from __future__ import annotations

from django.urls import path, re_path

from imaging import gallery_views, views
from imaging.api import uploading

app_name = "imaging"
urlpatterns = [
    path("pictures/", gallery_views.pictures, name="gallery"),
    path("pictures/bin/", gallery_views.bin_, name="bin"),
    path("pictures/delete/", gallery_views.delete, name="delete"),
    path("pictures/restore/", gallery_views.restore, name="restore"),
    path("pictures/download/", gallery_views.download_many, name="download_many"),
    path("pictures/variants/<int:image_id>/", gallery_views.one, name="one"),
    path("pictures/variants/<int:image_id>/choose/", gallery_views.choose, name="choose"),
    path("pictures/variants/<int:image_id>/delete/", gallery_views.delete_variant, name="delete_variant"),
    path("pictures/variants/<int:image_id>/download/", gallery_views.download, name="download"),
    path("pictures/<int:job_id>/approve/", views.approve, name="approve"),
    path("pictures/<int:job_id>/rethink/", views.rethink, name="rethink"),
    path("pictures/sources/", uploading.upload, name="upload"),
    path("pictures/sources/<int:source_id>/", gallery_views.source, name="source"),
    path("pictures/order/", views.order, name="order"),
    path("pictures/setup/", views.setup, name="setup"),
    path("pictures/<int:job_id>/again/", views.again, name="again"),
    path("pictures/<int:job_id>/cancel/", views.cancel, name="cancel"),
    path("pictures/variants/<int:image_id>/vary/", views.vary, name="vary"),
    re_path(r"^media/(?P<sha256>[0-9a-f]{64})/(?P<variant>original|256|768)$", views.media, name="media"),
]
