"""The API's addresses, with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path

from chats.api import views

MESSAGE = r"^/(?P<chat_id>\d{1,18})/messages/(?P<message_id>\d{1,18})"

urlpatterns = [
    re_path(r"^/?$", views.Chats.as_view(), name="api_chats"),
    re_path(r"^/(?P<chat_id>\d{1,18})/?$", views.OneChat.as_view(), name="api_chat"),
    re_path(r"^/(?P<chat_id>\d{1,18})/messages/?$", views.Messages.as_view(), name="api_messages"),
    re_path(rf"{MESSAGE}/events/?$", views.Events.as_view(), name="api_events"),
    re_path(rf"{MESSAGE}/stop/?$", views.Stop.as_view(), name="api_stop"),
]
