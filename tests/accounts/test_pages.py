"""What holds for every page at the door."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts import links
from accounts.models import User

INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")|<style|\sstyle=|\son[a-z]+=|javascript:",
    re.IGNORECASE,
)


def door() -> Iterator[str]:
    """Yield every page that a stranger can open."""
    yield from ("/accounts/login/", "/accounts/signup/", "/accounts/inactive/", "/accounts/password/reset/")
    yield from ("/accounts/password/reset/done/", "/accounts/password/reset/key/1-a-b/")
    yield from ("/accounts/password/reset/key/done/", "/setup/made-up/", "/link/made-up/", "/nowhere/")


def check(page: str) -> None:
    """Fail on what the page's own policy forbids, and on a field without a name."""
    assert not INLINE.findall(page)
    labels = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
    named = re.findall(r"<input(?![^>]*type=\"(?:hidden|submit|search)\")[^>]*\bid=\"([^\"]+)\"", page)
    assert set(named) <= labels


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("path", list(door()))
def test_pages_at_the_door_obey_the_policy(
    client: Client, settings: LazySettings, path: str, language: str
) -> None:
    settings.EMAIL_CONFIGURED = True
    response = client.get(path, headers={"accept-language": language})
    assert "'unsafe" not in response["Content-Security-Policy"]
    page = response.content.decode()
    assert f'<html lang="{language}"' in page
    check(page)


@pytest.mark.django_db
def test_pages_behind_links_do_too(client: Client, alice: User) -> None:
    check(client.get(f"/link/{links.create_password_link(alice, by=alice)}/").content.decode())
    check(client.get(f"/setup/{links.create_setup_link()}/").content.decode())
    failed = client.post("/accounts/login/", {"login": "x", "password": "y"}).content.decode()
    assert 'role="alert"' in failed
    check(failed)


@pytest.mark.django_db
def test_pages_of_people_who_are_in_do_too(alice_client: Client, settings: LazySettings) -> None:
    for path in ("/accounts/logout/", "/accounts/password/change/"):
        check(alice_client.get(path).content.decode())
    settings.SIGNUP_POLICY = "closed"
    check(Client().get("/accounts/signup/").content.decode())


def test_the_admins_pages_run_no_inline_script(admin_client: Client, alice: User) -> None:
    people = "/admin/accounts/user/"
    for path in (
        "/admin/",
        people,
        f"{people}add/",
        f"{people}{alice.pk}/change/",
        f"{people}{alice.pk}/password/",
    ):
        response = admin_client.get(path)
        assert response.status_code == 200
        assert not INLINE.findall(response.content.decode())
    assert not INLINE.findall(admin_client.post(f"{people}{alice.pk}/link/").content.decode())


@pytest.mark.django_db
def test_pages_of_allauth_that_we_do_not_use_are_not_there(client: Client) -> None:
    for path in ("confirm-email/", "reauthenticate/", "login/code/confirm/", "password/set/", "2fa/"):
        assert client.get(f"/accounts/{path}").status_code == 404
