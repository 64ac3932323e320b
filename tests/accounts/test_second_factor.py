from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.test import Client

from accounts import links
from accounts.models import AuditEntry, User
from tests.conftest import PASSWORD, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
LOGIN = "/accounts/login/"
BASE = "/accounts/second-factor/"
NEW = "another horse battery"


def code_of(secret: str, *, periods: int = 0) -> str:
    """Return what an app would show for the secret (RFC 6238), so many periods from now."""
    counter = int(time.time()) // 30 + periods
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def confirm(client: Client, **given: str) -> Any:
    """Show once more who it is, by the password or a code."""
    where = "/accounts/confirm/" if "password" in given else f"{BASE}confirm/"
    return client.post(where, given)


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set codes up; return the secret and the recovery codes."""
    confirm(client, password=PASSWORD)
    secret = re.search(r'class="secret">(\w+)<', client.get(f"{BASE}app/").content.decode())
    assert secret
    if time.time() % 30 > 28:
        time.sleep(2)  # the period before must still be the one before when it is looked at
    done = client.post(f"{BASE}app/", {"code": code_of(secret[1], periods=-1)}, follow=True)
    return secret[1], re.findall(r"<code>(\d{8})</code>", done.content.decode())


def enter(client: Client) -> Any:
    """Give name and password."""
    return client.post(LOGIN, {"login": "alice", "password": PASSWORD})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.fixture
def secret(alice: User) -> str:
    return set_up(signed_in(alice))[0]


def test_codes_are_set_up_with_the_password_a_code_and_recovery_codes(
    alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    client = signed_in(alice)
    asked = client.get(f"{BASE}app/")
    assert asked["Location"].startswith("/accounts/confirm/?")
    assert "password" in confirm(client, password="wrong").context["form"].errors
    with django_capture_on_commit_callbacks(execute=True):
        _secret, recovery = set_up(client)
    assert len(recovery) == 10
    assert recovery[0] not in client.get(f"{BASE}recovery/").content.decode()
    assert AuditEntry.objects.filter(action="factor.codes_on", actor_name="alice").count() == 1


def test_a_wrong_first_code_turns_nothing_on(alice: User) -> None:
    client = signed_in(alice)
    confirm(client, password=PASSWORD)
    client.get(f"{BASE}app/")
    assert "code" in client.post(f"{BASE}app/", {"code": "000000"}).context["form"].errors
    assert not Authenticator.objects.exists()


def test_the_database_holds_no_secret_in_the_clear(secret: str) -> None:
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))


def test_the_password_alone_lets_nobody_in_any_more(client: Client, secret: str) -> None:
    assert enter(client)["Location"] == f"{BASE}code/"
    assert not is_in(client)
    assert client.get("/")["Location"].startswith(LOGIN)
    wrong = client.post(f"{BASE}code/", {"code": "000000"})
    assert wrong.context["form"].errors["code"] == ["This code is not right."]
    assert client.post(f"{BASE}code/", {"code": code_of(secret)})["Location"] == "/"
    assert is_in(client)


def test_a_code_works_once(client: Client, secret: str) -> None:
    code = code_of(secret, periods=1)
    enter(client)
    client.post(f"{BASE}code/", {"code": code})
    assert is_in(client)
    second = Client()
    enter(second)
    second.post(f"{BASE}code/", {"code": code})
    assert not is_in(second)


def test_a_recovery_code_works_once(alice: User) -> None:
    _secret, recovery = set_up(signed_in(alice))
    for lets_in in (True, False):
        client = Client()
        enter(client)
        client.post(f"{BASE}code/", {"code": recovery[0]})
        assert is_in(client) is lets_in


def test_guessing_codes_is_slowed_down(client: Client, secret: str, settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {}
    enter(client)
    for _try in range(5):
        client.post(f"{BASE}code/", {"code": "000000"})
    locked = client.post(f"{BASE}code/", {"code": code_of(secret)})
    assert "five minutes" in locked.context["form"].errors["code"][0]
    assert not is_in(client)


def test_a_script_gives_a_code_too(client: Client, secret: str) -> None:
    body = {"username": "alice", "password": PASSWORD}
    for otp in ("", "000000"):
        answer = client.post("/api/auth/login", {**body, "otp": otp}, content_type="application/json")
        assert answer.status_code == 401
        assert "otp" in answer.json()["error"]["fields"]
        assert "access" not in answer.json()
    code = {"otp": code_of(secret)}
    assert (
        client.post("/api/auth/login", {**body, **code}, content_type="application/json").status_code == 200
    )
    assert (
        client.post("/api/auth/login", {**body, **code}, content_type="application/json").status_code == 401
    )


def test_whether_a_code_is_asked_for_nobody_learns_without_the_password(client: Client, secret: str) -> None:
    body = {"username": "alice", "password": "wrong", "otp": code_of(secret)}
    answer = client.post("/api/auth/login", body, content_type="application/json")
    assert "fields" not in answer.json()["error"]


def test_a_one_time_link_does_not_go_around_it(client: Client, alice: User, admin: User, secret: str) -> None:
    url = f"/link/{links.create_password_link(alice, by=admin)}/"
    assert client.post(url, {"password": NEW})["Location"] == f"{BASE}code/"
    assert not is_in(client)


@pytest.mark.parametrize("path", ["app/remove/", "recovery/new/"])
def test_with_the_password_alone_nobody_takes_it_away(alice: User, path: str) -> None:
    client = signed_in(alice)
    set_up(client)
    stolen = signed_in(alice)
    assert stolen.post(BASE + path)["Location"].startswith(f"{BASE}confirm/?")
    assert confirm(stolen, password=PASSWORD)["Location"].startswith(f"{BASE}confirm/")
    assert stolen.post(BASE + path)["Location"].startswith(f"{BASE}confirm/?")
    assert Authenticator.objects.count() == 2


def test_with_a_code_its_owner_takes_it_away(client: Client, alice: User, secret: str) -> None:
    owner = signed_in(alice)
    confirm(owner, code=code_of(secret))
    assert "Turn codes off?" in owner.get(f"{BASE}app/remove/").content.decode()
    assert owner.post(f"{BASE}app/remove/")["Location"] == BASE
    assert not Authenticator.objects.exists()
    enter(client)
    assert is_in(client)
    assert AuditEntry.objects.filter(action="factor.codes_off").count() == 1


def test_new_recovery_codes_end_the_old_ones(client: Client, alice: User) -> None:
    owner = signed_in(alice)
    secret, old = set_up(owner)
    confirm(owner, code=code_of(secret))
    owner.post(f"{BASE}recovery/new/")
    enter(client)
    client.post(f"{BASE}code/", {"code": old[1]})
    assert not is_in(client)


def test_a_changed_secret_key_is_said_and_opens_nothing(
    client: Client, secret: str, settings: LazySettings
) -> None:
    settings.SECRET_KEY = "another key of some fifty letters that nobody has seen."
    enter(client)
    answer = client.post(f"{BASE}code/", {"code": code_of(secret)})
    assert answer.status_code == 503
    assert "secret key has changed" in answer.content.decode()


@pytest.mark.parametrize(
    ("host", "offered"), [("localhost", True), ("testserver", False), ("127.0.0.1", False)]
)
def test_passkeys_are_offered_where_browsers_allow_them(
    alice: User, settings: LazySettings, host: str, offered: bool
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client = signed_in(alice)
    there: dict[str, Any] = {"headers": {"host": host}}
    assert ("Add a passkey" in client.get(BASE, **there).content.decode()) is offered
    assert ("passkeys/sign-in" in Client().get(LOGIN, **there).content.decode()) is offered
    assert (client.get(f"{BASE}passkeys/new/", **there).status_code != 404) is offered
    assert (Client().get(f"{BASE}passkeys/sign-in/", **there).status_code != 404) is offered


def test_nothing_of_the_pages_needs_a_looser_policy(alice: User, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client = signed_in(alice)
    there: dict[str, Any] = {"headers": {"host": "localhost"}}
    client.post("/accounts/confirm/", {"password": PASSWORD}, **there)
    for path in ("", "app/", "passkeys/new/"):
        page = client.get(BASE + path, **there).content.decode()
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", page)
        assert scripts == []
        assert "style=" not in page
        assert "data:image" not in page


def test_an_unsound_passkey_is_refused(alice: User, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    there: dict[str, Any] = {"headers": {"host": "localhost"}}
    for credential in (
        "",
        "{}",
        "[]",
        '{"id": "x", "rawId": "x", "response": {}, "type": "public-key"}',
        "null",
    ):
        answer = client.post(f"{BASE}passkeys/sign-in/", {"credential": credential}, **there)
        assert answer["Location"] == LOGIN
    assert not is_in(client)


def test_nobody_touches_the_passkey_of_somebody_else(alice: User, bob: User) -> None:
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Mine"})
    stranger = signed_in(bob)
    confirm(stranger, password=PASSWORD)
    for path in (f"{BASE}passkeys/{passkey.pk}/", f"{BASE}passkeys/{passkey.pk}/remove/"):
        assert stranger.post(path, {"name": "Yours"}).status_code == 404
    passkey.refresh_from_db()
    assert passkey.data["name"] == "Mine"
