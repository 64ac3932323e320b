from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from accounts import standing
from accounts.models import AuditEntry, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SIGNUP, LOGIN, INACTIVE = "/accounts/signup/", "/accounts/login/", "/accounts/inactive/"


def sign_up(client: Client, **sent: str) -> Any:
    """Return the page after signing up."""
    return client.post(SIGNUP, {"username": "ann", "password1": PASSWORD, "email": "", **sent}, follow=True)


def sign_in(client: Client) -> Any:
    """Return the page after signing in."""
    return client.post(LOGIN, {"login": "ann", "password": PASSWORD}, follow=True)


def link_in(message: Any) -> str:
    """Return the path of the link that a mail holds."""
    line = next(line for line in message.body.splitlines() if line.startswith("http"))
    return "/" + str(line).split("/", 3)[3]


def test_where_an_admin_approves_a_new_person_waits(client: Client, settings: LazySettings) -> None:
    settings.SIGNUP_POLICY = "approval"
    assert "you will be let in" in sign_up(client).content.decode()
    ann = User.objects.get()
    assert ann.waits_for_approval
    assert "_auth_user_id" not in client.session
    assert "you will be let in" in sign_in(Client()).content.decode()
    assert standing.approve(ann)
    assert sign_in(client).status_code == 200
    assert client.session["_auth_user_id"] == str(ann.pk)
    assert AuditEntry.objects.filter(action="user.signed_up", target="ann").exists()


def test_a_program_is_told_that_it_waits(client: Client, settings: LazySettings) -> None:
    settings.SIGNUP_POLICY = "approval"
    body = {"username": "ann", "password": PASSWORD}
    answer = client.post("/api/auth/register", body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (202, {"waiting": True})
    refused = client.post("/api/auth/login", body, content_type="application/json")
    assert refused.status_code == 403
    assert "An admin has to let you in" in refused.json()["error"]["message"]


def test_nobody_learns_how_an_account_stands_without_its_password(client: Client) -> None:
    assert "switched off" in client.get(INACTIVE).content.decode()


def test_where_addresses_are_confirmed_an_account_carries_its_own_only_then(
    client: Client, settings: LazySettings
) -> None:
    settings.EMAIL_VERIFICATION = "optional"
    sign_up(client, email="Ann@example.org")
    assert User.objects.get().email is None
    link = link_in(mail.outbox[0])
    assert "ann@example.org" in client.get(link).content.decode()
    assert User.objects.get().email is None
    assert client.post(link).status_code == 302
    assert User.objects.get().email == "ann@example.org"
    assert client.post(link).status_code == 410


def test_asking_for_a_taken_address_looks_the_same_and_only_its_owner_hears(
    alice: User, settings: LazySettings
) -> None:
    settings.EMAIL_VERIFICATION = "optional"
    answers = [
        sign_up(Client(), username="ann", email="alice@example.org"),
        sign_up(Client(), username="ben", email="free@example.org"),
    ]
    assert [answer.redirect_chain for answer in answers] == [[("/", 302)]] * 2
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["free@example.org"]]
    assert "you have one already" in mail.outbox[0].body
    assert "/email/confirm/" not in mail.outbox[0].body


def test_where_an_address_is_needed_nobody_gets_in_without(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "mandatory"
    assert "email" in sign_up(client).context["form"].errors
    assert "Look into your mail" in sign_up(client, email="ann@example.org").content.decode()
    assert "Look into your mail" in sign_in(client).content.decode()
    client.post(link_in(mail.outbox[0]))
    sign_in(client)
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_a_confirmed_address_does_not_go_past_the_admin(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION, settings.SIGNUP_POLICY = "mandatory", "approval"
    sign_up(client, email="ann@example.org")
    client.post(link_in(mail.outbox[0]))
    assert "you will be let in" in sign_in(client).content.decode()


def test_an_account_whose_mail_does_not_go_out_is_not_made(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_VERIFICATION = "optional"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert sign_up(client, email="ann@example.org").status_code == 503
    assert not User.objects.exists()


def test_a_made_up_link_confirms_nothing(client: Client, alice: User) -> None:
    assert client.post("/accounts/email/confirm/nonsense/").status_code == 410
