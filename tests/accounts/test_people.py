from __future__ import annotations

import threading

import pytest
from django.conf import LazySettings
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import override_settings

from accounts.errors import AppError
from accounts.models import Role, User, validate_username
from accounts.registering import free_username, register_user
from ollamachat import settings as real_settings
from tests.accounts import counting
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kept", "typed"), [("alice", "ALICE"), ("маша", "Маша"), ("ёж", " ЁЖ "), ("ab", "ＡＢ")]
)
def test_a_user_name_is_one_name_however_it_is_typed(kept: str, typed: str) -> None:
    user = User.objects.create_user(typed)
    assert user.username == kept
    assert User.objects.get(username=typed) == user


@pytest.mark.parametrize(("first", "second"), [("Alice", "aLICE"), ("Маша", "мАША")])
def test_two_people_cannot_have_one_name_in_different_case(first: str, second: str) -> None:
    User.objects.create_user(first)
    with pytest.raises(IntegrityError):
        User.objects.create_user(second)


@pytest.mark.parametrize("name", ["alice", "маша.петрова", "a", "2pac", "x_y-z.w", "ёж"])
def test_letters_of_any_alphabet_make_a_user_name(name: str) -> None:
    validate_username(name)


@pytest.mark.parametrize("name", ["", "a b", "a@b", "_a", ".a", "-", "a/b", "a\n", "a<b"])
def test_other_signs_make_none(name: str) -> None:
    with pytest.raises(ValidationError):
        validate_username(name)


def test_any_number_of_people_have_no_address() -> None:
    for name, address in [("a", None), ("b", ""), ("c", "  ")]:
        assert User.objects.create_user(name, address).email is None
    assert User.objects.filter(email=None).count() == 3


def test_two_people_cannot_have_one_address_in_different_case() -> None:
    assert User.objects.create_user("a", "Ann@Example.org").email == "ann@example.org"
    with pytest.raises(IntegrityError):
        User.objects.create_user("b", "ANN@example.ORG")


@pytest.mark.parametrize(("role", "rights"), [(Role.USER, False), (Role.GUEST, False), (Role.ADMIN, True)])
def test_rights_follow_the_role(role: Role, rights: bool) -> None:
    user = User.objects.create_user("somebody", role=role)
    assert (user.is_admin, user.is_staff, user.is_superuser) == (rights, rights, rights)
    assert user.has_perm("accounts.change_user") is rights


def test_the_command_line_makes_an_admin() -> None:
    assert User.objects.create_superuser("root", None, PASSWORD).is_admin


def test_nobody_signs_in_as_a_person_without_a_password() -> None:
    assert not User.objects.create_user("nobody").has_usable_password()


def test_passwords_are_kept_by_bcrypt() -> None:
    with override_settings(PASSWORD_HASHERS=real_settings.PASSWORD_HASHERS):
        user = User.objects.create_user("alice", password=PASSWORD)
        assert user.password.startswith("bcrypt_sha256$")
        assert authenticate(username="alice", password=PASSWORD) == user
        assert authenticate(username="alice", password=PASSWORD + "!") is None


def test_passwords_of_older_installations_still_open_and_are_then_kept_by_bcrypt() -> None:
    with override_settings(PASSWORD_HASHERS=real_settings.PASSWORD_HASHERS[1:]):
        User.objects.create_user("alice", password=PASSWORD)
    with override_settings(PASSWORD_HASHERS=real_settings.PASSWORD_HASHERS):
        assert authenticate(username="alice", password=PASSWORD)
        assert User.objects.get().password.startswith("bcrypt_sha256$")


def test_a_person_is_called_by_the_name_as_they_typed_it() -> None:
    assert str(register_user("Маша", password=PASSWORD)) == "Маша"
    assert str(register_user("bob", password=PASSWORD, name="Bob B.")) == "Bob B."
    assert str(register_user("carol", password=PASSWORD)) == "carol"


@pytest.mark.parametrize(
    ("username", "email", "password", "field"),
    [
        ("Alice", None, PASSWORD, "username"),
        ("a@b", None, PASSWORD, "username"),
        ("a" * 65, None, PASSWORD, "username"),
        ("bob", "ALICE@example.org", PASSWORD, "email"),
        ("bob", "no address", PASSWORD, "email"),
        ("bob", None, "short", "password"),
        ("bob", None, "password123", "password"),
        ("bobbybrown", None, "bobbybrown", "password"),
    ],
)
def test_each_field_that_cannot_stay_says_why(
    alice: User, username: str, email: str | None, password: str, field: str
) -> None:
    with pytest.raises(AppError) as refused:
        register_user(username, email=email, password=password)
    assert list(refused.value.fields) == [field]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("wishes", "made"),
    [
        (("Ann Bee", "x"), "ann.bee"),
        (("", "ann+spam"), "ann.spam"),
        (("", "!!!"), "user"),
        (("Alice",), "alice2"),
        (("Маша П.", ""), "маша.п"),
    ],
)
def test_a_free_user_name_is_made_from_what_is_known(alice: User, wishes: tuple[str, ...], made: str) -> None:
    assert free_username(*wishes) == made
    validate_username(made)


def test_the_next_free_user_name_skips_those_that_are_taken() -> None:
    for name in ("ann", "ann2", "ann4", "annabel"):
        User.objects.create_user(name)
    assert free_username("Ann") == "ann3"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_one_name_at_once_one_gets_it(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = [counting.MEETING]
    told: list[str] = []

    def register() -> None:
        try:
            told.append(register_user("ann", password=PASSWORD).username)
        except AppError as error:
            told.append(" ".join(error.fields))
        finally:
            connection.close()

    threads = [threading.Thread(target=register) for _person in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["ann", "username"]
    assert User.objects.count() == 1
