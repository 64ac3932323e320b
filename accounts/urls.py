"""Pages of our own at the door."""

from __future__ import annotations

from django.urls import path

from accounts import invite_views, profile_views, views

app_name = "accounts"
urlpatterns = [
    path("setup/<str:token>/", views.setup, name="setup"),
    path("link/<str:token>/", views.one_time, name="one_time"),
    path("join/<str:token>/", views.join, name="join"),
    path("accounts/email/confirm/<str:token>/", views.confirm_email, name="confirm_email"),
    path("accounts/", profile_views.account, name="account"),
    path("accounts/profile/", profile_views.profile, name="profile"),
    path("accounts/look/", profile_views.look, name="look"),
    path("accounts/avatar/", profile_views.set_avatar, name="set_avatar"),
    path("avatar/<int:user_id>/<slug:sha>/", profile_views.avatar, name="avatar"),
    path("accounts/email/", profile_views.email, name="email"),
    path("accounts/sessions/<int:session_id>/end/", profile_views.end_browser, name="end_browser"),
    path("accounts/programs/<uuid:login_id>/end/", profile_views.end_program, name="end_program"),
    path("accounts/sessions/end/", profile_views.end_elsewhere, name="end_elsewhere"),
    path("accounts/export/", profile_views.export, name="export"),
    path("accounts/leave/", profile_views.leave, name="leave"),
    path("accounts/invites/", invite_views.invites_page, name="invites"),
    path("accounts/invites/<int:invite_id>/withdraw/", invite_views.withdraw, name="withdraw_invite"),
    path("accounts/stay/", views.stay, name="stay"),
    path("language/", views.language, name="language"),
]
