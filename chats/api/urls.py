"""The API's addresses, with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path

from chats.api import exporting, finding, messages, searching, views

CHAT = r"^chats/(?P<chat_id>\d{1,18})"
MESSAGE = rf"{CHAT}/messages/(?P<message_id>\d{{1,18}})"

urlpatterns = [
    re_path(r"^search/?$", finding.Search.as_view(), name="api_search"),
    re_path(r"^chat/search/?$", searching.SearchChat.as_view(), name="api_search_chat"),
    re_path(r"^chats/?$", views.Chats.as_view(), name="api_chats"),
    re_path(rf"{CHAT}/?$", views.OneChat.as_view(), name="api_chat"),
    re_path(r"^chats/import/?$", exporting.ImportChats.as_view(), name="api_import"),
    re_path(rf"{CHAT}/export/?$", exporting.ExportChat.as_view(), name="api_export"),
    re_path(rf"{CHAT}/messages/?$", views.Messages.as_view(), name="api_messages"),
    re_path(rf"{CHAT}/restore/?$", views.RestoreChat.as_view(), name="api_restore_chat"),
    re_path(rf"{CHAT}/context/?$", messages.Context.as_view(), name="api_context"),
    re_path(rf"{CHAT}/summarise/?$", messages.Summarise.as_view(), name="api_summarise"),
    re_path(rf"{MESSAGE}/?$", messages.OneMessage.as_view(), name="api_message"),
    re_path(rf"{MESSAGE}/restore/?$", messages.Restore.as_view(), name="api_restore"),
    re_path(rf"{MESSAGE}/regenerate/?$", messages.Regenerate.as_view(), name="api_regenerate"),
    re_path(rf"{MESSAGE}/continue/?$", messages.Continue.as_view(), name="api_continue"),
    re_path(rf"{MESSAGE}/branch/?$", messages.ChooseBranch.as_view(), name="api_branch"),
    re_path(rf"{MESSAGE}/fork/?$", messages.Fork.as_view(), name="api_fork"),
    re_path(rf"{MESSAGE}/events/?$", views.Events.as_view(), name="api_events"),
    re_path(rf"{MESSAGE}/stop/?$", views.Stop.as_view(), name="api_stop"),
]
