"""A chat as a file: what is in it, what stays out, and that it needs and runs nothing."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chats import managing, sending
from chats.models import Chat, Message
from gpu.models import LanguageModel
from tests.chats.conversation import answered_chat, know_models
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db
EVIL = (
    "<script>alert(1)</script> [x](javascript:alert(2)) <img src=x onerror=alert(3)> ![p](http://e.org/p.png)"
)


@pytest.fixture
def chat(alice: User) -> Chat:
    """Three messages: a question with a deleted answer and a living one with all trimmings."""
    know_models()
    chat = Chat.objects.create(user=alice, title='A "title" / <b>', updated_at=timezone.now())
    asked = Message.objects.create(chat=chat, author=alice, role="user", content="Почему <небо> синее?")
    gone = Message.objects.create(chat=chat, author=alice, role="assistant", parent=asked, content="secret")
    Message.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    chat.leaf = Message.objects.create(
        chat=chat, author=alice, role="assistant", parent=asked, model_name="m:1", thinking="</details>hm",
        content=f"**Рэлей.**\n\n```python\nprint(1)\n```\n\n{EVIL}",
        sources=[{"n": 1, "title": "Небо [1]", "url": "https://example.org/sky", "text": "…"},
                 {"n": 2, "title": "Bad", "url": "javascript:alert(4)", "text": ""}],
    )  # fmt: skip
    chat.save()
    return chat


def export(client: Client, chat: Chat, form: str) -> str:
    """Return the exported file's text."""
    answer = client.get(reverse("chats:export", args=[chat.pk]), {"format": form})
    assert answer.status_code == 200
    return whole(answer).decode()


def whole(answer: Any) -> bytes:
    """Return what a streamed answer says in all."""
    return b"".join(answer.streaming_content)


def test_markdown_tells_the_chat_as_it_stands(chat: Chat, alice_client: Client) -> None:
    text = export(alice_client, chat, "md")
    assert text.startswith('# A "title" / <b>\n')
    assert re.search(r"^## You · .+\n\nПочему <небо> синее\?$", text, re.MULTILINE)
    assert re.search(r"^## m:1 · ", text, re.MULTILINE)
    assert "&lt;/details>hm" in text
    assert "1. [Небо (1)](<https://example.org/sky>)" in text
    assert "secret" not in text
    assert "alert(4)" not in text


@pytest.mark.parametrize("form", ["md", "html"])
def test_times_are_those_of_the_readers_zone(chat: Chat, alice_client: Client, form: str) -> None:
    chat.messages.update(created_at=datetime(2026, 3, 1, 20, 30, tzinfo=UTC))
    assert "8:30 p.m." in export(alice_client, chat, form)
    alice_client.cookies["zone"] = "Asia/Kathmandu"
    assert "March 2, 2026, 2:15 a.m." in export(alice_client, chat, form)
    timezone.deactivate()


@pytest.mark.parametrize("form", ["md", "html"])
def test_who_reads_it_finds_models_by_the_names_that_people_know(
    chat: Chat, alice_client: Client, form: str
) -> None:
    LanguageModel.objects.create(name="m:1", label="The quick one")
    text = export(alice_client, chat, form)
    assert "The quick one" in text
    assert "m:1" not in text


def test_html_is_whole_in_one_file_and_runs_and_loads_nothing(chat: Chat, alice_client: Client) -> None:
    text = export(alice_client, chat, "html")
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "<strong>Рэлей.</strong>" in text
    assert 'class="k">' in text or '<span class="nb">print</span>' in text
    assert "--accent:" in text
    assert "secret" not in text
    assert not re.search(r"<(script|link|iframe|object|base|form)\b", text, re.IGNORECASE)
    assert not re.search(r"\bon\w+\s*=\s*[\"']?alert", re.sub(r"&lt;.*?&gt;", "", text))
    assert not re.search(r"(href|src)=[\"']?\s*javascript:", text, re.IGNORECASE)
    assert not re.search(r"src=[\"'](?!data:)", text)
    assert 'href="https://example.org/sky"' in text


def test_json_has_the_tree_and_no_ids(chat: Chat, alice_client: Client) -> None:
    Message.objects.create(chat=chat, author=chat.user, role="user", content="a branch")
    document = json.loads(export(alice_client, chat, "json"))
    [told] = document["chats"]
    assert (document["format"], document["version"]) == ("ollama-chat", 1)
    assert [(row["ref"], row["parent"], row["content"][:8]) for row in told["messages"]] == [
        (1, None, "Почему <"), (2, 1, "**Рэлей."), (3, None, "a branch")
    ]  # fmt: skip
    assert told["leaf"] == 2
    assert not {"id", "pk", "user", "author", "client_id", "html"} & (set(told) | set(told["messages"][1]))


def test_what_is_still_being_written_is_exported_as_stopped(alice: User, alice_client: Client) -> None:
    know_models()
    chat = answered_chat(alice)
    sending.send_message(chat, author=alice, content="and now?", model_name="smollm2:135m")
    [told] = json.loads(export(alice_client, chat, "json"))["chats"]
    assert told["messages"][-1]["status"] == "stopped"


def test_the_file_is_named_as_the_chat_and_never_shown_in_place(chat: Chat, alice_client: Client) -> None:
    answer = alice_client.get(reverse("chats:export", args=[chat.pk]), {"format": "html"})
    assert answer["Content-Disposition"] == 'attachment; filename="A title b.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "no-store"


def test_strangers_and_wrong_formats_are_refused(
    chat: Chat, bob_client: Client, alice_client: Client
) -> None:
    for path in (reverse("chats:export", args=[chat.pk]), f"/api/chats/{chat.pk}/export"):
        assert bob_client.get(path).status_code == 404
        assert alice_client.get(path, {"format": "exe"}).status_code == 400
        assert alice_client.post(path).status_code == 405
    assert Client().get(reverse("chats:export_all")).status_code == 302
    assert Client().get(f"/api/chats/{chat.pk}/export").status_code == 401


def test_the_api_gives_the_same_files(chat: Chat, alice_client: Client) -> None:
    for form in ("md", "html", "json"):
        answer = alice_client.get(f"/api/chats/{chat.pk}/export", {"format": form})
        assert "Почему" in whole(answer).decode()
    assert json.loads(whole(alice_client.get(f"/api/chats/{chat.pk}/export")))


def test_everything_is_one_zip_with_a_chat_in_each_file(chat: Chat, alice: User, bob: User) -> None:
    other = Chat.objects.create(user=alice, title="../../etc/passwd", updated_at=timezone.now())
    Chat.objects.create(user=bob, title="bob's", updated_at=timezone.now())
    gone = Chat.objects.create(user=alice, title="deleted", updated_at=timezone.now())
    managing.delete_chats(alice, [gone.pk])
    answer = signed_in(alice).get(reverse("chats:export_all"))
    archive = zipfile.ZipFile(io.BytesIO(whole(answer)))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "chats/0001 A title b.json", "chats/0001 A title b.md",
        "chats/0002 etc passwd.json", "chats/0002 etc passwd.md",
    ]  # fmt: skip
    assert json.loads(archive.read("chats/0002 etc passwd.json"))["chats"][0]["title"] == other.title


def test_everything_is_one_page_too(chat: Chat, alice: User, bob: User) -> None:
    Chat.objects.create(user=bob, title="bob's", updated_at=timezone.now())
    answered_chat(alice)
    client = signed_in(alice)
    assert f"{reverse('chats:export_all')}?format=html" in client.get(reverse("chats:exports")).text
    answer = client.get(reverse("chats:export_all"), {"format": "html"})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = whole(answer).decode()
    assert re.findall(r'href="#(chat-\d)"', page) == re.findall(r'<h1 id="(chat-\d)"', page)
    assert page.count('<header class="chat">') == 2
    assert page.index("<strong>Рэлей.</strong>") < page.index("Question 0</p>") < page.index("The sky.")
    assert (page.count("<html"), page.count("<script"), "bob&#x27;s" in page) == (1, 0, False)


@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_file_comes_in_pieces(alice: User) -> None:
    chat = Chat.objects.create(user=alice, title="long", updated_at=timezone.now())
    Message.objects.create(chat=chat, author=alice, role="user", content="слово " * 50_000)

    async def run() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(alice)
        answer: Any = await client.get(reverse("chats:export", args=[chat.pk]), {"format": "json"})
        return [piece async for piece in answer.streaming_content]

    pieces = asyncio.run(run())
    assert len(pieces) > 1
    assert json.loads(b"".join(pieces))["chats"][0]["messages"][0]["content"].startswith("слово слово")


def test_the_page_offers_both_ways(chat: Chat, alice_client: Client) -> None:
    page = alice_client.get(reverse("chats:exports")).content.decode()
    assert reverse("chats:export_all") in page
    assert 'enctype="multipart/form-data"' in page
    listed = alice_client.get(reverse("chats:home")).content.decode()
    assert f"{reverse('chats:export', args=[0])}?format=json" in listed  # the menu's script puts the chat in
    assert reverse("chats:exports") in listed
