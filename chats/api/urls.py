"""The API's addresses, with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path

from chats.api import finding, views

CHAT = r"^chats/(?P<chat_id>\d{1,18})"
MESSAGE = rf"{CHAT}/messages/(?P<message_id>\d{{1,18}})"

urlpatterns = [
    re_path(r"^search/?$", finding.Search.as_view(), name="api_search"),
    re_path(r"^chats/?$", views.Chats.as_view(), name="api_chats"),
    re_path(rf"{CHAT}/?$", views.OneChat.as_view(), name="api_chat"),
    re_path(rf"{CHAT}/messages/?$", views.Messages.as_view(), name="api_messages"),
    re_path(rf"{MESSAGE}/events/?$", views.Events.as_view(), name="api_events"),
    re_path(rf"{MESSAGE}/stop/?$", views.Stop.as_view(), name="api_stop"),
]
