from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import links
from accounts.errors import AppError, Code
from accounts.models import LinkPurpose, OneTimeLink, User
from tests.conftest import PASSWORD, signed_in

NEW = "another horse battery"


@pytest.fixture
def url(alice: User, admin: User) -> str:
    return f"/link/{links.create_password_link(alice, by=admin)}/"


def test_the_holder_chooses_a_password_and_is_in(client: Client, alice: User, url: str) -> None:
    assert "Alice" in client.get(url).content.decode()
    assert client.post(url, {"password": NEW})["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_the_old_sessions_end(client: Client, alice: User, url: str) -> None:
    old = signed_in(alice)
    client.post(url, {"password": NEW})
    assert old.get("/accounts/password/change/").status_code == 302


def test_it_works_once(client: Client, alice: User, url: str) -> None:
    client.post(url, {"password": NEW})
    assert Client().get(url).status_code == 410
    assert Client().post(url, {"password": "a third horse battery"}).status_code == 410
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_of_two_who_hold_it_at_once_one_is_let_in(alice: User, admin: User) -> None:
    token = links.create_password_link(alice, by=admin)
    first, second = (links.find_link(token, LinkPurpose.PASSWORD) for _holder in range(2))
    links.set_password(first, NEW)
    with pytest.raises(AppError) as refused:
        links.set_password(second, "a third horse battery")
    assert refused.value.code is Code.GONE
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_weak_password_leaves_it_as_it_is(client: Client, alice: User, url: str) -> None:
    for weak in ("", "short", "password123"):
        assert "password" in client.post(url, {"password": weak}).context["form"].errors
    assert client.post(url, {"password": NEW}).status_code == 302


def test_it_ends_after_some_days(client: Client, alice: User, url: str) -> None:
    left = OneTimeLink.objects.get().expires_at - timezone.now()
    assert timedelta(days=2) < left <= timedelta(days=3)
    OneTimeLink.objects.update(expires_at=timezone.now())
    assert client.get(url).status_code == 410
    assert client.post(url, {"password": NEW}).status_code == 410
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_newer_link_ends_the_older_one(client: Client, alice: User, admin: User, url: str) -> None:
    newer = links.create_password_link(alice, by=admin)
    assert client.get(url).status_code == 410
    assert client.get(f"/link/{newer}/").status_code == 200


def test_it_does_not_open_a_switched_off_account(client: Client, alice: User, url: str) -> None:
    alice.is_active = False
    alice.save()
    assert client.post(url, {"password": NEW}).status_code == 410


def test_a_made_up_link_and_a_setup_link_are_refused(client: Client, db: None) -> None:
    for token in ("made-up", links.create_setup_link()):
        assert client.get(f"/link/{token}/").status_code == 410


def test_other_methods_are_refused(client: Client, url: str) -> None:
    assert client.put(url).status_code == 405


def test_links_that_are_too_old_are_swept_away(alice: User, admin: User, url: str) -> None:
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(days=1))
    links.create_setup_link()
    assert OneTimeLink.objects.count() == 1
