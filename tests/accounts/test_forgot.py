from __future__ import annotations

import re

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/accounts/password/reset/"
NEW = "another horse battery"


@pytest.fixture
def mail_works(settings: LazySettings) -> None:
    settings.EMAIL_CONFIGURED = True


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_mail_the_page_says_whom_to_ask(client: Client, alice: User, method: str) -> None:
    response = getattr(client, method)(URL, {"email": "alice@example.org"})
    assert "admin" in response.content.decode()
    assert "<input" not in response.content.decode().split('class="languages"')[0]
    assert not mail.outbox


def test_other_methods_are_refused(client: Client) -> None:
    assert client.put(URL).status_code == 405


@pytest.mark.usefixtures("mail_works")
def test_the_link_in_the_mail_gives_a_new_password_once(client: Client, alice: User) -> None:
    assert client.post(URL, {"email": "Alice@Example.org"})["Location"] == f"{URL}done/"
    link = link_in(str(mail.outbox[0].body))
    page = client.get(link, follow=True)
    assert client.post(page.wsgi_request.path, {"password1": NEW})["Location"] == f"{URL}key/done/"
    assert client.login(username="alice", password=NEW)
    client.logout()
    assert "no longer valid" in client.get(link, follow=True).content.decode()


@pytest.mark.usefixtures("mail_works")
def test_a_weak_password_is_refused(client: Client, alice: User) -> None:
    client.post(URL, {"email": "alice@example.org"})
    page = client.get(link_in(str(mail.outbox[0].body)), follow=True)
    response = client.post(page.wsgi_request.path, {"password1": "alice"})
    assert "password1" in response.context["form"].errors
    assert client.login(username="alice", password=PASSWORD)


@pytest.mark.usefixtures("mail_works")
def test_an_unknown_address_cannot_be_told_from_a_known_one(client: Client, alice: User) -> None:
    known = client.post(URL, {"email": "alice@example.org"})
    unknown = client.post(URL, {"email": "nobody@example.org"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "/key/" not in str(mail.outbox[1].body)


@pytest.mark.usefixtures("mail_works")
def test_an_address_that_is_none_is_refused(client: Client) -> None:
    assert "email" in client.post(URL, {"email": "no address"}).context["form"].errors


@pytest.mark.usefixtures("mail_works")
def test_a_switched_off_account_gets_no_link(client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    client.post(URL, {"email": "alice@example.org"})
    assert "/key/" not in str(mail.outbox[0].body)


@pytest.mark.usefixtures("mail_works")
def test_a_dead_mail_server_is_told_in_a_sentence(
    client: Client, alice: User, settings: LazySettings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    response = client.post(URL, {"email": "alice@example.org"})
    assert response.status_code == 503
    assert "one-time link" in response.content.decode()


def test_a_made_up_link_is_refused(client: Client, db: None) -> None:
    assert "no longer valid" in client.get(f"{URL}key/1-abc-def/").content.decode()


def link_in(text: str) -> str:
    """Return the path of the one link in a mail."""
    found = re.search(r"http://testserver(/accounts/\S+)", text)
    assert found, text
    return found[1]
