"""Every address of the app."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from ollamachat import api_docs, dashboard, health, metrics

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    re_path(r"^metrics/?$", metrics.metrics, name="metrics"),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg")),
    path("admin/dashboard/", admin.site.admin_view(dashboard.dashboard), name="dashboard"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls_allauth")),
    path("api/", include("accounts.api.urls")),
    path("api/", include("gpu.api.urls")),
    path("api/", include("chats.api.urls")),
    path("api/", include("imaging.api.urls")),
    path("v1/", include("ollamachat.openai.urls")),
    re_path(r"^api/schema/?$", api_docs.schema, name="schema"),
    re_path(r"^docs/?$", api_docs.docs, name="docs"),
    re_path(r"^redoc/?$", api_docs.redoc, name="redoc"),
    path("account/keys/", include("accounts.urls_keys")),
    path("", include("accounts.urls")),
    path("", include("gpu.urls")),
    path("", include("chats.urls")),
    path("", include("imaging.urls")),
]

handler400 = "accounts.error_pages.bad_request"
handler403 = "accounts.error_pages.forbidden"
handler404 = "accounts.error_pages.not_found"
handler500 = "accounts.error_pages.server_error"
handler429 = "accounts.error_pages.too_many"  # allauth asks for it here
