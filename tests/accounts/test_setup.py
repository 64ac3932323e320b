from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import links
from accounts.errors import AppError, Code
from accounts.models import LinkPurpose, OneTimeLink, Role, User
from accounts.registering import register_first_admin
from tests.conftest import PASSWORD

FORM = {"username": "Mother", "password": PASSWORD, "email": ""}


@pytest.fixture
def url(db: None) -> str:
    return f"/setup/{links.create_setup_link()}/"


def test_the_first_admin_is_in_at_once(client: Client, url: str) -> None:
    assert client.get(url).status_code == 200
    response = client.post(url, FORM)
    assert (response.status_code, response["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.username, user.role, user.email) == ("mother", Role.ADMIN, None)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_looking_at_the_link_does_not_use_it_up(client: Client, url: str) -> None:
    for _look in range(3):
        assert client.get(url).status_code == 200


def test_the_link_works_once(client: Client, url: str) -> None:
    client.post(url, FORM)
    for again in (Client().get(url), Client().post(url, {**FORM, "username": "thief"})):
        assert again.status_code == 410
        assert "/accounts/login/" in again.content.decode()
    assert User.objects.count() == 1


def test_a_used_link_stays_used_when_the_admin_is_gone(client: Client, url: str) -> None:
    client.post(url, FORM)
    User.objects.all().delete()
    assert Client().get(url).status_code == 410


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"username": ""}, "username"), ({"username": "a b"}, "username"), ({"password": "short"}, "password"),
     ({"email": "none"}, "email"), ({"password": ""}, "password")],
)  # fmt: skip
def test_a_mistake_leaves_the_link_as_it_is(
    client: Client, url: str, sent: dict[str, str], field: str
) -> None:
    response = client.post(url, FORM | sent)
    assert list(response.context["form"].errors) == [field]
    assert not User.objects.exists()
    assert client.post(url, FORM).status_code == 302


def test_members_may_be_there_before_the_admin(client: Client, alice: User, url: str) -> None:
    assert client.post(url, {**FORM, "username": "alice"}).context["form"].errors["username"]
    assert client.post(url, FORM).status_code == 302


def test_an_old_link_and_a_made_up_one_are_refused(client: Client, url: str) -> None:
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for where in (url, "/setup/made-up/"):
        assert client.get(where).status_code == 410
        assert client.post(where, FORM).status_code == 410
    assert not User.objects.exists()


def test_a_password_link_sets_nothing_up(client: Client, alice: User, bob: User) -> None:
    token = links.create_password_link(alice, by=bob)
    assert client.post(f"/setup/{token}/", FORM).status_code == 410


def test_other_methods_are_refused(client: Client, url: str) -> None:
    assert client.delete(url).status_code == 405


def test_the_token_is_not_in_the_database(url: str) -> None:
    assert OneTimeLink.objects.get().token_hash not in url


def test_whoever_comes_second_with_another_link_is_too_late(db: None) -> None:
    found = [links.find_link(links.create_setup_link(), LinkPurpose.SETUP) for _holder in range(2)]
    register_first_admin(found[0], username="first", password=PASSWORD)
    with pytest.raises(AppError) as refused:
        register_first_admin(found[1], username="second", password=PASSWORD)
    assert refused.value.code is Code.CONFLICT
    assert User.objects.get().username == "first"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shared", [True, False])
def test_two_who_begin_at_once_make_one_admin(shared: bool) -> None:
    first = links.create_setup_link()
    tokens = [first, first if shared else links.create_setup_link()]
    gate = threading.Barrier(2)
    codes: list[int] = []

    def begin(number: int) -> None:
        client = Client()
        gate.wait()
        try:
            response = client.post(f"/setup/{tokens[number]}/", {**FORM, "username": f"admin{number}"})
            codes.append(response.status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [302, 410]
    assert User.objects.admins().count() == 1
