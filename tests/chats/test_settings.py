"""How answers are given: the two forms, with scripts and without."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chats.models import Chat, Message, Preferences
from gpu.snapshot import Known
from tests.chats.conversation import MODEL, answered_chat, know_models

pytestmark = pytest.mark.django_db
FETCH = {"X-Requested-With": "fetch"}


def test_a_chat_keeps_its_title_instructions_and_numbers(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    sent = {"title": "Rhymes", "system_prompt": " Rhyme. ", "temperature": "0,4", "think": "off", "top_k": ""}
    assert client.post(f"/chats/{chat.pk}/settings/", sent, headers=FETCH).status_code == 204
    chat.refresh_from_db()
    assert (chat.title, chat.system_prompt) == ("Rhymes", "Rhyme.")
    assert chat.options == {"temperature": 0.4, "think": "off"}
    page = client.get(f"/chats/{chat.pk}/settings/").text
    assert 'value="0.4"' in page
    assert "Rhyme.</textarea>" in page


def test_a_field_for_numbers_holds_one_in_every_language(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    Chat.objects.filter(pk=chat.pk).update(options={"temperature": 0.7, "top_p": 0.95, "seed": 123_456})
    client.force_login(alice)
    page = client.get(f"/chats/{chat.pk}/settings/", headers={"accept-language": "ru"}).text
    assert "Название" in page
    assert [f'value="{value}"' in page for value in ("0.7", "0.95", "123456")] == [True] * 3


def test_without_scripts_a_wrong_number_loses_nothing(alice: User, client: Client) -> None:
    chat = answered_chat(alice)
    client.force_login(alice)
    sent = {"title": chat.title, "system_prompt": "Long thoughts", "temperature": "9"}
    page = client.post(f"/chats/{chat.pk}/settings/", sent)
    assert page.status_code == 400
    assert "Long thoughts</textarea>" in page.text
    assert 'aria-invalid="true"' in page.text
    assert Chat.objects.get(pk=chat.pk).options == {}
    told = client.post(f"/chats/{chat.pk}/settings/", sent, headers=FETCH).json()
    assert list(told["error"]["fields"]) == ["temperature"]


def test_what_holds_for_all_of_a_persons_chats(alice: User, client: Client) -> None:
    client.force_login(alice)
    assert "switch" in client.get("/chats/settings/").text
    client.post("/chats/settings/", {"system_prompt": "Be brief.", "search_auto": "on", "seed": "7"})
    mine = Preferences.objects.get(user=alice)
    assert (mine.system_prompt, mine.titles, mine.search_auto) == ("Be brief.", False, True)
    assert mine.options == {"seed": 7}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_strangers_chat_has_no_settings(alice: User, bob: User, client: Client, method: str) -> None:
    chat = answered_chat(alice)
    client.force_login(bob)
    assert getattr(client, method)(f"/chats/{chat.pk}/settings/").status_code == 404


def test_a_new_chat_begins_with_the_persons_usual_model(alice: User, bob: User, client: Client) -> None:
    know_models(Known(MODEL, 98_362_745), Known("other:7b", 4_000_000_000))
    client.force_login(alice)
    assert "other:7b" in client.get("/chats/settings/").text
    client.post("/chats/settings/", {"model_name": "other:7b"})
    assert client.get("/").context["model_name"] == "other:7b"
    sent = client.post("/api/chats", {}, content_type="application/json").json()["id"]
    said = {"content": "Hello", "stream": False}
    answer = client.post(f"/api/chats/{sent}/messages", said, content_type="application/json")
    assert answer.json()["answer"]["model"] == "other:7b"
    client.force_login(bob)
    assert client.get("/").context["model_name"] == MODEL


def test_a_usual_model_that_has_gone_gives_way(alice: User, client: Client) -> None:
    know_models(Known(MODEL, 98_362_745))
    Preferences.objects.create(user=alice, model_name="gone:7b")
    client.force_login(alice)
    assert client.get("/").context["model_name"] == MODEL
    client.post("/chats/settings/", {"model_name": "never-there:1b"})
    assert Preferences.objects.get(user=alice).model_name == ""


def test_deleted_messages_are_in_the_chats_settings_and_come_back(alice: User, client: Client) -> None:
    chat = answered_chat(alice, turns=2)
    client.force_login(alice)
    settings = f"/chats/{chat.pk}/settings/"
    assert "Deleted messages" not in client.get(settings).text
    gone = Message.objects.get(chat=chat, content="Question 1")
    client.post(f"/chats/{chat.pk}/messages/{gone.pk}/delete/")
    page = client.get(settings).text
    assert "Question 1" in page
    restore = f"/chats/{chat.pk}/messages/{gone.pk}/restore/"
    assert f'formaction="{restore}"' in page
    assert client.post(restore).headers["Location"] == chat.get_absolute_url()
    assert "Question 1" in client.get(chat.get_absolute_url()).text
    assert "Question 1" not in client.get(settings).text


def test_many_deleted_messages_cost_no_more_queries(alice: User, client: Client) -> None:
    chat = answered_chat(alice, turns=6)
    client.force_login(alice)
    counts = []
    for count in (1, 6):
        gone = Message.objects.filter(chat=chat, role="user").values_list("pk", flat=True)[:count]
        Message.objects.filter(pk__in=list(gone)).update(deleted_at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/chats/{chat.pk}/settings/").text
        counts.append(len(queries))
        assert page.count("formaction=") == count
    assert counts[0] == counts[1]
