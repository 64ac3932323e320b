"""How answers are given: the two forms, with scripts and without."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from chats.models import Chat, Preferences
from tests.chats.conversation import answered_chat

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
