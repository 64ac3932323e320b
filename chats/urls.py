"""The app's addresses."""

from __future__ import annotations

from django.urls import path

from chats import export_views, find_views, manage_views, message_views, settings_views, views

app_name = "chats"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", find_views.search, name="search"),
    path("chats/send/", views.send_new, name="send_new"),
    path("chats/draft/", manage_views.new_draft, name="new_draft"),
    path("chats/list/", manage_views.chat_list, name="list"),
    path("chats/export/", export_views.export_page, name="exports"),
    path("chats/export/all/", export_views.export_all, name="export_all"),
    path("chats/<int:chat_id>/export/", export_views.export_chat, name="export"),
    path("chats/<int:chat_id>/", views.chat, name="chat"),
    path("chats/<int:chat_id>/send/", views.send, name="send"),
    path("chats/all/", manage_views.all_chats, name="all"),
    path("chats/archive/", manage_views.archive, name="archive"),
    path("chats/bin/", manage_views.bin_, name="bin"),
    path("chats/many/", manage_views.many, name="many"),
    path("chats/<int:chat_id>/pin/", manage_views.pin, name="pin"),
    path("chats/<int:chat_id>/archive/", manage_views.archive_one, name="archive_one"),
    path("chats/<int:chat_id>/restore/", manage_views.restore, name="restore"),
    path("chats/<int:chat_id>/draft/", manage_views.draft, name="draft"),
    path("chats/<int:chat_id>/read/", manage_views.read, name="read"),
    path("chats/<int:chat_id>/rename/", manage_views.rename, name="rename"),
    path("chats/<int:chat_id>/delete/", manage_views.delete, name="delete"),
    path("chats/<int:chat_id>/messages/<int:message_id>/", views.message, name="message"),
    path("chats/settings/", settings_views.my_settings, name="my_settings"),
    path("chats/<int:chat_id>/settings/", settings_views.chat_settings, name="settings"),
    path("chats/<int:chat_id>/gauge/", message_views.gauge, name="gauge"),
    path("chats/<int:chat_id>/summarise/", message_views.summarise, name="summarise"),
    path("chats/<int:chat_id>/thread/", message_views.thread, name="thread"),
    path("chats/<int:chat_id>/messages/<int:message_id>/edit/", message_views.edit, name="edit"),
    path("chats/<int:chat_id>/messages/<int:message_id>/resend/", message_views.resend, name="resend"),
    path("chats/<int:chat_id>/messages/<int:message_id>/branch/", message_views.branch, name="branch"),
    path(
        "chats/<int:chat_id>/messages/<int:message_id>/delete/", message_views.delete, name="delete_message"
    ),
    path(
        "chats/<int:chat_id>/messages/<int:message_id>/restore/",
        message_views.restore,
        name="restore_message",
    ),
    path("chats/<int:chat_id>/messages/<int:message_id>/fork/", message_views.fork, name="fork"),
    path("chats/<int:chat_id>/messages/<int:message_id>/stop/", views.stop, name="stop"),
    path("chats/<int:chat_id>/messages/<int:message_id>/again/", views.again, name="again"),
    path("chats/<int:chat_id>/messages/<int:message_id>/continue/", views.go_on, name="continue"),
]
