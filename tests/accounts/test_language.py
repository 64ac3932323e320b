from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User

URL = "/language/"
LOGIN = "/accounts/login/"


def spoken(client: Client, accept: str = "") -> str:
    """Return the language in which the browser is answered."""
    page = client.get("/accounts/inactive/", headers={"accept-language": accept} if accept else {})
    assert f'lang="{page["Content-Language"]}"' in page.content.decode()
    return page["Content-Language"]


@pytest.mark.parametrize(
    ("accept", "heard"),
    [("", "en"), ("ru-RU,ru;q=0.9,en;q=0.5", "ru"), ("en;q=0.3,ru", "ru"), ("fr", "en"), ("*", "en")],
)
def test_a_browser_is_answered_in_its_language(client: Client, db: None, accept: str, heard: str) -> None:
    assert spoken(client, accept) == heard


def test_a_choice_at_the_door_wins_over_the_browser(client: Client, db: None) -> None:
    assert client.post(URL, {"language": "ru", "next": LOGIN})["Location"] == LOGIN
    assert spoken(client, "en") == "ru"


def test_a_persons_choice_follows_them_to_every_device(alice: User, alice_client: Client) -> None:
    alice_client.post(URL, {"language": "ru"})
    alice.refresh_from_db()
    assert alice.language == "ru"
    other = Client(headers={"accept-language": "en"})
    other.force_login(alice)
    other.cookies["django_language"] = "en"
    assert spoken(other) == "ru"


def test_a_person_without_a_choice_is_spoken_to_as_the_browser_asks(alice_client: Client) -> None:
    assert spoken(alice_client, "ru") == "ru"


@pytest.mark.parametrize("language", ["", "fr", "en-GB", "../../etc"])
def test_other_languages_are_refused(client: Client, db: None, language: str) -> None:
    response = client.post(URL, {"language": language})
    assert response.status_code == 400
    assert not response.cookies.get("django_language")


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_sent_to_another_site(client: Client, db: None, wanted: str) -> None:
    assert client.post(URL, {"language": "ru", "next": wanted})["Location"] == "/"


def test_looking_changes_nothing(client: Client, db: None) -> None:
    assert client.get(URL).status_code == 405


def test_a_request_without_a_session_asks_no_database(
    client: Client, db: None, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        client.get("/accounts/inactive/")
