from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import apikeys, leaving, tokens
from accounts.errors import AppError, Code
from accounts.models import AuditEntry, Role, Usage, User
from chats.models import Chat, Message, Preferences
from tests.chats.conversation import answered_chat
from tests.conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
LEAVE, STAY, LOGIN = "/accounts/leave/", "/accounts/stay/", "/accounts/login/"


def enter(client: Client) -> Any:
    return client.post(LOGIN, {"login": "alice", "password": PASSWORD}, follow=True)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def exported(client: Client) -> dict[str, bytes]:
    """Return the files of an export by name."""
    packed = b"".join(client.post("/accounts/export/").streaming_content)  # type: ignore[attr-defined]
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


def test_everything_that_is_mine_comes_in_one_zip(alice: User, bob: User) -> None:
    mine, theirs = answered_chat(alice), answered_chat(bob)
    Chat.objects.filter(pk=mine.pk).update(title="Mine")
    Chat.objects.filter(pk=theirs.pk).update(title="Theirs")
    Preferences.objects.create(user=alice, system_prompt="Be brief.")
    Usage.objects.create(user=alice, kind="gpu", amount=5)
    _key, text = apikeys.create_key(alice, name="Editor", scopes=["chat"])
    files = exported(signed_in(alice))
    assert json.loads(files["profile.json"])["username"] == "alice"
    assert "password" not in files["profile.json"].decode()
    assert json.loads(files["chats/settings.json"])["system_prompt"] == "Be brief."
    assert json.loads(files["api-keys.json"])[0]["name"] == "Editor"
    assert json.loads(files["usage.json"])[0]["amount"] == 5
    assert "chats/0001 Mine.json" in files
    assert "chats/0001 Mine.md" in files
    everything = b"".join(files.values()).decode()
    assert "Theirs" not in str(files)
    assert "bob" not in everything
    assert text not in everything


def test_an_export_is_asked_for_by_a_form_and_not_too_often(
    alice_client: Client, client: Client, settings: LazySettings, empty_cache: None
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"export": "1/h/user"}
    assert alice_client.get("/accounts/export/").status_code == 405
    assert client.post("/accounts/export/").status_code == 302
    assert [alice_client.post("/accounts/export/").status_code for _try in range(2)] == [200, 429]


def test_leaving_asks_for_the_password_and_shuts_every_door(alice: User) -> None:
    client, other = signed_in(alice), signed_in(alice)
    token = tokens.begin(alice)["access"]
    assert "password" in client.post(LEAVE, {"password": "wrong"}).context["form"].errors
    assert "Goodbye" in client.post(LEAVE, {"password": PASSWORD}).content.decode()
    assert other.get("/accounts/").status_code == 302
    bearer = {"authorization": f"Bearer {token}"}
    assert Client().get("/api/auth/me", headers=bearer).status_code == 401
    alice.refresh_from_db()
    assert alice.leaves_at
    assert timedelta(days=29) < alice.leaves_at - timezone.now() <= timedelta(days=30)
    assert AuditEntry.objects.filter(action="user.left", actor_name="alice").count() == 1


def test_within_thirty_days_a_person_comes_back_to_everything(client: Client, alice: User) -> None:
    answered_chat(alice)
    leaving.leave(alice)
    assert "Keep my account" in enter(client).content.decode()
    assert not is_in(client)
    client.post(STAY)
    assert is_in(client)
    alice.refresh_from_db()
    assert (alice.is_active, alice.leaves_at) == (True, None)
    assert Chat.objects.filter(user=alice).count() == 1
    leaving.purge_left(now=timezone.now() + timedelta(days=40))
    assert User.objects.filter(pk=alice.pk).exists()


def test_nobody_stays_for_somebody_else(client: Client, alice: User) -> None:
    leaving.leave(alice)
    client.post(LOGIN, {"login": "alice", "password": "wrong"})
    assert client.post(STAY).status_code == 410
    assert not User.objects.get(pk=alice.pk).is_active


def test_a_blocked_person_does_not_come_back_that_way(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "Keep my account" not in enter(client).content.decode()
    assert client.post(STAY).status_code == 410
    assert not User.objects.get(pk=alice.pk).is_active


def test_after_thirty_days_all_that_was_theirs_is_gone(alice: User, bob: User) -> None:
    answered_chat(alice, turns=3)
    kept = answered_chat(bob)
    leaving.leave(alice)
    call_command("purge", stdout=io.StringIO())
    assert User.objects.filter(pk=alice.pk).exists()
    assert leaving.purge_left(now=timezone.now() + timedelta(days=31)) == 1
    assert not User.objects.filter(pk=alice.pk).exists()
    assert list(Chat.objects.all()) == [kept]
    assert not Message.objects.filter(author=alice.pk).exists()
    assert AuditEntry.objects.filter(action="user.purged", target="alice").count() == 1


def test_the_command_counts_first_and_then_purges(alice: User) -> None:
    leaving.leave(alice)
    User.objects.filter(pk=alice.pk).update(leaves_at=timezone.now())
    for options, said in (({"dry_run": True}, "1 accounts would go."), ({}, "1 accounts are gone.")):
        written = io.StringIO()
        call_command("purge", stdout=written, **options)
        assert said in written.getvalue()
    assert not User.objects.exists()


def test_the_last_admin_stays(admin: User, alice: User) -> None:
    client = signed_in(admin)
    answer = client.post(LEAVE, {"password": PASSWORD})
    assert "the only admin" in answer.content.decode()
    with pytest.raises(AppError) as refused:
        leaving.leave(admin)
    assert refused.value.code is Code.CONFLICT
    User.objects.filter(pk=alice.pk).update(role=Role.ADMIN)
    assert "Goodbye" in client.post(LEAVE, {"password": PASSWORD}).content.decode()
