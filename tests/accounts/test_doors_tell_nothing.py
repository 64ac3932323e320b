"""No door tells who has an account, none can be hammered, and old hashes are renewed at the next sign-in."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import identify_hasher, make_password
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts import counting
from tests.conftest import PASSWORD, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]


@pytest.fixture
def with_mail(settings: LazySettings) -> None:
    settings.EMAIL_CONFIGURED = True


def body_of(response: Any) -> bytes:
    """Return what a person sees of a page, without what is new in each."""
    page: bytes = response.content
    return b"\n".join(line for line in page.splitlines() if b"csrf" not in line)


@pytest.mark.usefixtures("with_mail")
def test_asking_for_a_new_password_is_the_same_for_everybody(
    client: Client, alice: User, settings: LazySettings
) -> None:
    settings.PASSWORD_HASHERS = [counting.PATH]
    answers, work = [], []
    for address in ("alice@example.org", "nobody@example.org"):
        before = counting.CountingHasher.hashed
        answers.append(client.post("/accounts/password/reset/", {"email": address}, follow=True))
        work.append((counting.CountingHasher.hashed - before, len(mail.outbox)))
    assert answers[0].redirect_chain == answers[1].redirect_chain
    assert body_of(answers[0]) == body_of(answers[1])
    assert work == [(0, 1), (0, 2)]


def test_a_blocked_account_is_no_different_without_its_password(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answers = [
        body_of(client.post("/accounts/login/", {"login": name, "password": "wrong"}))
        for name in ("alice", "alyce")
    ]
    assert answers[0].replace(b"alice", b"alyce") == answers[1]


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "nobody", "nobody@example.org"])
def test_an_account_with_a_second_factor_takes_the_same_work(
    client: Client, alice: User, settings: LazySettings, name: str
) -> None:
    settings.PASSWORD_HASHERS = [counting.PATH]
    alice.set_password(PASSWORD)
    alice.save()
    before = counting.CountingHasher.hashed
    body = {"email": name, "password": "wrong", "otp": "123456"}
    assert client.post("/api/auth/login", body, content_type="application/json").status_code == 401
    assert counting.CountingHasher.hashed - before == 1


@pytest.mark.parametrize(
    ("action", "rate", "path", "form"),
    [
        ("signup", "2/m/ip", "/accounts/signup/", {"username": "a b"}),
        ("login", "2/m/ip", "/accounts/login/", {"login": "x", "password": "x"}),
        ("reset_password", "2/m/ip", "/accounts/password/reset/", {"email": "a@example.org"}),
        ("link", "2/m/ip", "/link/nothing/", {}),
        ("link", "2/m/ip", "/setup/nothing/", {}),
        ("link", "2/m/ip", "/accounts/email/confirm/nothing/", {}),
    ],
)
@pytest.mark.usefixtures("with_mail")
def test_a_door_that_is_hammered_closes_for_a_while(
    client: Client, settings: LazySettings, action: str, rate: str, path: str, form: dict[str, str]
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {action: rate}
    answers = [client.post(path, form) for _try in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[-1]["Retry-After"] == "60"


@pytest.mark.parametrize(
    ("action", "path", "form"),
    [
        ("change_password", "/accounts/password/change/", {"oldpassword": "wrong", "password1": "x"}),
        ("reauthenticate", "/accounts/confirm/", {"password": "wrong"}),
        ("confirm", "/accounts/email/", {"email": "a@example.org", "password": "wrong"}),
        ("confirm", "/accounts/leave/", {"password": "wrong"}),
    ],
)
def test_whoever_found_an_open_browser_does_not_guess_its_password(
    alice: User, settings: LazySettings, action: str, path: str, form: dict[str, str]
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {action: "2/m/user"}
    client = signed_in(alice)
    assert [client.post(path, form).status_code for _try in range(3)] == [200, 200, 429]


def test_the_limits_that_the_app_ships_are_on() -> None:
    from ollamachat import settings as shipped

    assert shipped.ACCOUNT_RATE_LIMITS
    assert {"link", "confirm", "export"} <= set(shipped.ACCOUNT_RATE_LIMITS)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/auth/login"])
def test_a_weaker_hash_becomes_bcrypt_at_the_next_sign_in(
    client: Client, alice: User, settings: LazySettings, path: str
) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    old = make_password(PASSWORD, hasher="pbkdf2_sha256")
    User.objects.filter(pk=alice.pk).update(password=old)
    options = {"content_type": "application/json"} if "api" in path else {}
    body = {"username": "alice", "login": "alice", "password": PASSWORD}
    assert client.post(path, body, **options).status_code in {200, 302}  # type: ignore[arg-type]
    alice.refresh_from_db()
    assert identify_hasher(alice.password).algorithm == "bcrypt_sha256"
    assert alice.check_password(PASSWORD)
