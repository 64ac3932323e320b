"""The admin's pages: what they tell, what they keep to themselves, and that they stay fast."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, Usage, User
from chats.models import Chat, Message

SECRET = "what only alice may read"


@pytest.fixture
def chat(alice: User) -> Chat:
    chat = Chat.objects.create(user=alice, title=f"title: {SECRET}", updated_at=timezone.now())
    for role in (Message.Role.USER, Message.Role.ASSISTANT):
        Message.objects.create(chat=chat, author=alice, role=role, content=SECRET, thinking=SECRET)
    return chat


def pages(chat: Chat) -> list[str]:
    answer = chat.messages.get(role=Message.Role.ASSISTANT)
    return [
        "/admin/",
        "/admin/chats/chat/",
        f"/admin/chats/chat/{chat.pk}/change/",
        "/admin/chats/message/",
        f"/admin/chats/message/{answer.pk}/change/",
        "/admin/imaging/imagejob/",
        "/admin/imaging/storedfile/",
        "/admin/dashboard/",
    ]


def test_an_operator_reads_nobodys_words(admin_client: Client, chat: Chat) -> None:
    for path in pages(chat):
        response = admin_client.get(path)
        assert response.status_code == 200, path
        assert SECRET not in response.content.decode(), path
    assert admin_client.get(f"/admin/chats/chat/{chat.pk}/read/").status_code == 403


def test_where_the_operator_may_read_everybody_sees_that_it_is_so(
    admin_client: Client, alice_client: Client, chat: Chat, settings: LazySettings
) -> None:
    assert "The admin can read" not in alice_client.get("/").content.decode()
    settings.ADMIN_MAY_READ_CHATS = True
    assert "The admin can read" in alice_client.get("/").content.decode()
    page = admin_client.get(f"/admin/chats/chat/{chat.pk}/read/").content.decode()
    assert SECRET in page
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.action, entry.target) == ("admin", "chat.read", f"alice chat {chat.pk}")
    assert alice_client.get(f"/admin/chats/chat/{chat.pk}/read/").status_code == 302


def test_the_dashboard_tells_who_used_what(admin_client: Client, chat: Chat, alice: User) -> None:
    Usage.objects.create(user=alice, kind="gpu", amount=754)
    Usage.objects.create(user=alice, kind="picture", amount=3)
    Usage.objects.create(user=alice, kind="gpu", amount=6000, at=timezone.now() - timedelta(days=31))
    User.objects.create_user("waits", is_active=False, waits_since=timezone.now())
    page = admin_client.get("/admin/dashboard/").content.decode()
    assert "12.6" in page
    assert "1 person waits" in page
    assert "style=" not in page.split("<main")[-1]


def test_the_dashboard_tells_how_many_searches_are_left(
    admin_client: Client, alice: User, settings: LazySettings
) -> None:
    Usage.objects.create(user=alice, kind="search", amount=1)
    Usage.objects.create(user=alice, kind="search", amount=1, at=timezone.now() - timedelta(days=32))
    settings.TAVILY_API_KEY = ""
    assert "Web searches" not in admin_client.get("/admin/dashboard/").text
    settings.TAVILY_API_KEY, settings.TAVILY_MONTHLY_LIMIT = "a key", 900
    assert "Web searches this month: 1 of 900." in admin_client.get("/admin/dashboard/").text
    settings.TAVILY_MONTHLY_LIMIT = 0
    assert "Web searches this month: 1." in admin_client.get("/admin/dashboard/").text


@pytest.mark.parametrize("path", ["/admin/dashboard/", "/admin/chats/chat/", "/admin/chats/message/"])
def test_only_admins_see_them(client: Client, alice_client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
    assert alice_client.get(path).status_code in (302, 403)


def test_many_rows_take_no_more_questions_than_few(admin_client: Client, chat: Chat, alice: User) -> None:
    paths = pages(chat)
    counts = [_questions(admin_client, paths)]
    for number in range(30):
        person = User.objects.create_user(f"person{number}")
        other = Chat.objects.create(user=person, updated_at=timezone.now())
        Message.objects.create(chat=other, author=person, role=Message.Role.ASSISTANT)
        Usage.objects.create(user=person, kind="gpu", amount=5)
    counts.append(_questions(admin_client, paths))
    assert counts[0] == counts[1]


def _questions(client: Client, paths: list[str]) -> list[int]:
    counts = []
    for path in paths:
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        counts.append(len(asked))
    return counts
