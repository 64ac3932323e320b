"""The app's addresses."""

from __future__ import annotations

from django.urls import path, re_path

from imaging import views

app_name = "imaging"
urlpatterns = [
    path("pictures/order/", views.order, name="order"),
    path("pictures/<int:job_id>/again/", views.again, name="again"),
    path("pictures/<int:job_id>/cancel/", views.cancel, name="cancel"),
    path("pictures/variants/<int:image_id>/vary/", views.vary, name="vary"),
    re_path(r"^media/(?P<sha256>[0-9a-f]{64})/(?P<variant>original|256|768)$", views.media, name="media"),
]
