from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import apikeys, revoking, tokens
from accounts.models import AuditEntry, Role, ScriptLogin, User
from accounts.tokens import Tokens
from live import log
from live.redis import client as redis
from live.tail import SIGNED_OUT
from tests.conftest import PASSWORD

ME = "/api/auth/me"
REFRESH = "/api/auth/refresh"
LOGIN = "/api/auth/login"
LOGOUT = "/api/auth/logout"
VERIFY = "/api/auth/verify"


@pytest.fixture
def pair(alice: User) -> Tokens:
    return tokens.begin(alice)


def me(client: Client, token: str) -> Any:
    """Return who the API says this is."""
    return client.get(ME, headers={"authorization": f"Bearer {token}"})


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def fresh(client: Client, refresh: Any) -> Any:
    """Return the answer to a refresh."""
    return post(client, REFRESH, refresh=refresh)


def assert_is_over(client: Client, pair: Tokens) -> None:
    for answer in (me(client, pair["access"]), fresh(client, pair["refresh"])):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("url", [ME, f"{ME}/"])
def test_a_token_says_who_somebody_is(client: Client, alice: User, pair: Tokens, url: str) -> None:
    answer = client.get(url, headers={"authorization": f"Bearer {pair['access']}"})
    assert answer.json() == {
        "id": alice.pk, "username": "alice", "email": "alice@example.org", "name": "Alice", "role": "user",
        "language": "", "theme": "", "details": False,
    }  # fmt: skip


def test_a_session_does_so_too(alice_client: Client) -> None:
    assert alice_client.get(ME).json()["username"] == "alice"


def test_the_user_and_the_login_are_one_query(
    client: Client, pair: Tokens, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert me(client, pair["access"]).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer x"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YTpi"},
        {"x-api-key": ""},
        {"x-api-key": "x"},
        {"x-api-key": "oc_"},
        {"authorization": "Bearer oc_12345678_secret"},
    ],
)
def test_nobody_is_told_to_sign_in(client: Client, db: None, headers: dict[str, str]) -> None:
    answer = client.get(ME, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


# --- Refresh ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [REFRESH, f"{REFRESH}/"])
def test_a_refresh_token_gets_the_next_pair(client: Client, pair: Tokens, url: str) -> None:
    answer = post(client, url, refresh=pair["refresh"])
    assert set(answer.json()) == {"access", "refresh"}
    assert me(client, answer.json()["access"]).status_code == 200
    assert me(client, pair["access"]).status_code == 200
    assert ScriptLogin.objects.count() == 1


def test_a_refresh_token_that_is_used_again_ends_its_login(client: Client, alice: User, pair: Tokens) -> None:
    other = tokens.begin(alice)
    newer = fresh(client, pair["refresh"]).json()
    assert fresh(client, pair["refresh"]).status_code == 401
    assert_is_over(client, newer)
    assert me(client, pair["access"]).status_code == 401
    assert me(client, other["access"]).status_code == 200
    assert AuditEntry.objects.latest("pk").action == "token.reused"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_refresh_at_once_one_is_first_and_the_login_ends(client: Client, pair: Tokens) -> None:
    def refresh(_number: int) -> int:
        try:
            return int(fresh(Client(), pair["refresh"]).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(refresh, range(6)))
    assert statuses == [200, 401, 401, 401, 401, 401]
    assert_is_over(client, pair)


def test_each_token_is_for_its_own_use(client: Client, pair: Tokens) -> None:
    assert fresh(client, pair["access"]).status_code == 401
    assert me(client, pair["refresh"]).status_code == 401


@pytest.mark.parametrize("refresh", ["", None, 5, {"a": 1}, "x.y.z"])
def test_rubbish_is_refused(client: Client, db: None, refresh: Any) -> None:
    answer = fresh(client, refresh)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"]["message"]


# --- The end of a login -------------------------------------------------------------------------------


def test_a_switched_off_account_has_no_valid_tokens(client: Client, alice: User, pair: Tokens) -> None:
    alice.is_active = False
    alice.save()
    assert_is_over(client, pair)
    assert "switched off" in me(client, pair["access"]).json()["error"]["message"]


def test_a_blocked_person_who_is_let_in_again_signs_in_anew(
    client: Client, alice: User, pair: Tokens
) -> None:
    revoking.block_user(alice)
    User.objects.update(is_active=True)
    assert_is_over(client, pair)


def test_a_deleted_account_has_none(client: Client, alice: User, pair: Tokens) -> None:
    alice.delete()
    assert_is_over(client, pair)


def test_a_new_password_ends_the_old_tokens(client: Client, alice: User, pair: Tokens) -> None:
    alice.set_password(PASSWORD + "!")
    alice.save()
    assert_is_over(client, pair)


def test_signing_out_everywhere_ends_them_too(client: Client, alice: User, pair: Tokens) -> None:
    revoking.sign_out_everywhere(alice)
    assert_is_over(client, pair)


def test_a_demoted_admin_has_the_rights_of_what_they_are_now(client: Client, admin: User) -> None:
    token = tokens.begin(admin)["access"]
    headers = {"authorization": f"Bearer {token}"}
    revoking.change_role(admin, Role.USER)
    assert me(client, token).json()["role"] == "user"
    assert client.get("/api/process/status", headers=headers).status_code == 403


def test_logging_out_ends_the_login_of_the_token(client: Client, alice: User, pair: Tokens) -> None:
    other = tokens.begin(alice)
    headers = {"authorization": f"Bearer {pair['access']}"}
    assert client.post(f"{LOGOUT}/", content_type="application/json", headers=headers).status_code == 204
    assert_is_over(client, pair)
    assert me(client, other["access"]).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends", ["login", "key"])
def test_what_is_streamed_to_a_script_is_closed_when_it_is_put_out(alice: User, ends: str) -> None:
    redis().delete(log.stream_key("user", alice.pk))
    if ends == "login":
        tokens.end(tokens.find(tokens.begin(alice)["access"]))
    else:
        apikeys.revoke_key(alice, apikeys.create_key(alice, name="x", scopes=["read"])[0].pk)
    (_seq, fields), *_older = redis().xrevrange(log.stream_key("user", alice.pk), count=1)
    assert json.loads(fields["f"])["type"] == SIGNED_OUT


def test_logging_out_works_with_the_refresh_token_alone(client: Client, pair: Tokens) -> None:
    assert post(client, LOGOUT, refresh=pair["refresh"]).status_code == 204
    assert_is_over(client, pair)
    assert post(client, LOGOUT, refresh=pair["refresh"]).status_code == 401
    assert post(client, LOGOUT).status_code == 401


def test_a_session_logs_out_too(alice_client: Client) -> None:
    assert post(alice_client, LOGOUT).status_code == 204
    assert alice_client.get(ME).status_code == 401


def test_tokens_end(client: Client, alice: User, pair: Tokens) -> None:
    access, refresh = AccessToken(pair["access"]), RefreshToken(pair["refresh"])  # type: ignore[arg-type]
    for token in (access, refresh):
        token["exp"] = 1
    assert me(client, str(access)).status_code == 401
    assert fresh(client, str(refresh)).status_code == 401


def test_a_token_without_a_login_is_refused(client: Client, alice: User, pair: Tokens) -> None:
    assert me(client, str(AccessToken.for_user(alice))).status_code == 401
    token = AccessToken(pair["access"])  # type: ignore[arg-type]
    for login in ("", "x", "00000000-0000-4000-8000-000000000000"):
        token["login"] = login
        assert me(client, str(token)).status_code == 401


def test_a_token_signed_by_somebody_else_is_refused(client: Client, pair: Tokens) -> None:
    head, body, _signature = pair["access"].split(".")
    for forged in (f"{head}.{body}.AAAA", f"eyJhbGciOiJub25lIn0.{body}."):
        assert me(client, forged).status_code == 401


# --- Verify, and one's own account --------------------------------------------------------------------


@pytest.mark.parametrize("url", [VERIFY, f"{VERIFY}/"])
def test_verify_tells_whose_token_it_is(client: Client, pair: Tokens, url: str) -> None:
    answer = client.get(url, headers={"authorization": f"Bearer {pair['access']}"})
    assert answer.status_code == 200
    assert answer.json() == {"valid": True, "user": me(client, pair["access"]).json()}


def test_verify_takes_a_session_too(alice_client: Client) -> None:
    assert alice_client.get(VERIFY).json()["user"]["username"] == "alice"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x.y.z"}, {"x-api-key": "oc_1_2"}])
def test_verify_says_no_without_an_error(client: Client, db: None, headers: dict[str, str]) -> None:
    answer = client.get(VERIFY, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"valid": False, "user": None})


def test_a_person_changes_their_name_and_the_look_of_their_pages(client: Client, pair: Tokens) -> None:
    body = {
        "name": "Ann",
        "language": "ru",
        "theme": "dark",
        "details": True,
        "role": "admin",
        "email": "x@y.z",
    }
    headers = {"authorization": f"Bearer {pair['access']}"}
    answer = client.patch(ME, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    user = User.objects.get()
    assert (user.name, user.language, user.theme, user.details) == ("Ann", "ru", "dark", True)
    assert (user.role, user.email) == ("user", "alice@example.org")
    for wrong in ({"theme": "pink"}, {"language": "xx"}, {"name": "x" * 101}, {"details": "perhaps"}):
        refused = client.patch(ME, wrong, content_type="application/json", headers=headers)
        assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, list(wrong))


def test_other_methods_are_refused(client: Client, pair: Tokens) -> None:
    assert client.get(REFRESH).status_code == 405
    headers = {"authorization": f"Bearer {pair['access']}"}
    assert client.post(ME, headers=headers).status_code == 405


# --- A second factor ----------------------------------------------------------------------------------


def test_with_a_second_factor_the_password_alone_opens_nothing(client: Client, alice: User) -> None:
    totp.TOTP.activate(alice, totp.generate_totp_secret())
    code = RecoveryCodes.activate(alice).get_unused_codes()[0]
    answer = post(client, LOGIN, username="alice", password=PASSWORD)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (401, ["otp"])
    assert post(client, LOGIN, username="alice", password=PASSWORD, otp="000000").status_code == 401
    assert post(client, LOGIN, username="alice", password="wrong", otp=code).status_code == 401
    assert post(client, LOGIN, username="alice", password=PASSWORD, otp=code).status_code == 200
    assert post(client, LOGIN, username="alice", password=PASSWORD, otp=code).status_code == 401


def test_a_code_of_the_app_opens_with_the_password(client: Client, alice: User) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(alice, secret)
    now = int(timezone.now().timestamp()) // 30
    code = totp.format_hotp_value(totp.hotp_value(secret, now))
    assert post(client, LOGIN, username="alice", password=PASSWORD, otp=code).status_code == 200


def test_a_login_is_kept_with_its_program_and_its_address(client: Client, alice: User) -> None:
    body = {"username": "alice", "password": PASSWORD}
    client.post(LOGIN, body, content_type="application/json", headers={"user-agent": "curl/8"})
    login = ScriptLogin.objects.get()
    assert (login.agent, login.address, login.user) == ("curl/8", "127.0.0.1", alice)
