"""Pages of our own at the door."""

from __future__ import annotations

from django.urls import path

from accounts import invite_views, views

app_name = "accounts"
urlpatterns = [
    path("setup/<str:token>/", views.setup, name="setup"),
    path("link/<str:token>/", views.one_time, name="one_time"),
    path("join/<str:token>/", views.join, name="join"),
    path("accounts/email/confirm/<str:token>/", views.confirm_email, name="confirm_email"),
    path("accounts/invites/", invite_views.invites_page, name="invites"),
    path("accounts/invites/<int:invite_id>/withdraw/", invite_views.withdraw, name="withdraw_invite"),
    path("accounts/stay/", views.stay, name="stay"),
    path("language/", views.language, name="language"),
]
