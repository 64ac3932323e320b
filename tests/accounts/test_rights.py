"""Who may do what: by the groups of the roles, asked by verb on the server."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts import rights
from accounts.errors import AppError, Code
from accounts.models import Role, User, Verb
from tests.conftest import signed_in

BOTH = {Verb.CHAT, Verb.DRAW}


@pytest.fixture
def guest(db: None) -> User:
    return User.objects.create_user("guest", role=Role.GUEST)


@pytest.mark.parametrize(
    ("role", "held"), [(Role.ADMIN, set(Verb)), (Role.USER, set(Verb)), (Role.GUEST, BOTH)]
)
def test_each_role_may_what_its_group_holds(db: None, role: Role, held: set[Verb]) -> None:
    user = User.objects.create_user("somebody", role=role)
    assert {verb for verb in Verb if rights.may(user, verb)} == held


def test_a_group_of_the_operators_own_gives_more(guest: User) -> None:
    group = Group.objects.create(name="trusted")
    group.permissions.set(rights.verbs().filter(codename=Verb.USE_API))
    guest.groups.add(group)
    assert rights.may(User.objects.get(pk=guest.pk), Verb.USE_API)


def test_nobody_may_anything_who_is_switched_off(admin: User) -> None:
    admin.is_active = False
    assert not any(rights.may(admin, verb) for verb in Verb)


def test_what_an_admin_took_from_a_group_stays_taken_over_an_update(guest: User) -> None:
    Group.objects.get(name=Role.GUEST).permissions.clear()
    rights.create_groups()
    assert not rights.may(guest, Verb.CHAT)


@pytest.mark.parametrize("verb", Verb)
def test_a_refusal_says_what_it_is_about(db: None, verb: Verb) -> None:
    nobody = User.objects.create_user("nobody", role="nothing")
    with pytest.raises(AppError) as refused:
        rights.check(nobody, verb)
    assert refused.value.code is Code.FORBIDDEN
    assert "admin" in str(refused.value)


def test_who_may_not_chat_is_refused_at_every_door(guest: User) -> None:
    Group.objects.get(name=Role.GUEST).permissions.clear()
    client: Client = signed_in(guest)
    assert client.post("/api/chats", {}, content_type="application/json").status_code in (201, 403)
    sent = client.post("/api/chats/new/messages", {"content": "hi"}, content_type="application/json")
    drawn = client.post("/api/image/generate", {"description": "a cat"}, content_type="application/json")
    assert {sent.status_code, drawn.status_code} <= {403, 404}
    assert drawn.status_code == 403


def test_a_guest_searches_no_web(guest: User) -> None:
    client = signed_in(guest)
    refused = client.post("/api/chat/search", {"content": "news"}, content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "forbidden"
