from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import limits, rights
from accounts.models import ApiKey, AuditEntry, Role, User, Verb
from chats.models import Chat
from tests.chats.conversation import answered_chat
from tests.conftest import PASSWORD, signed_in

PEOPLE = "/admin/accounts/user/"
NEW = "another horse battery"


def form_of(user: User, **changes: str) -> dict[str, str]:
    """Return a person's form as the admin sends it."""
    form = {"username": user.username, "name": user.name, "email": user.email or "", "role": user.role,
            "language": user.language, "theme": user.theme,
            "allowance-TOTAL_FORMS": "0", "allowance-INITIAL_FORMS": "0"}  # fmt: skip
    return {name: value for name, value in (form | changes).items() if value}


def link_on(page: str) -> str:
    """Return the path of the link that the page shows."""
    found = re.search(r'value="http://[^/]+(/link/[\w-]+/)"', page)
    assert found, page
    return found[1]


def test_the_admin_hands_out_a_link_that_works(admin_client: Client, alice: User, client: Client) -> None:
    assert f"{PEOPLE}{alice.pk}/link/" in admin_client.get(f"{PEOPLE}{alice.pk}/change/").content.decode()
    page = admin_client.post(f"{PEOPLE}{alice.pk}/link/")
    assert page.status_code == 200
    assert client.post(link_on(page.content.decode()), {"password": NEW}).status_code == 302
    assert User.objects.get(pk=alice.pk).check_password(NEW)


def test_the_admin_shows_nothing_that_has_no_meaning_here(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    assert PEOPLE in page
    for foreign in ("auth/user", "account", "mfa", "usersessions"):
        assert f"/admin/{foreign}/" not in page


def test_looking_makes_no_link(admin_client: Client, alice: User) -> None:
    assert admin_client.get(f"{PEOPLE}{alice.pk}/link/").status_code == 405


def test_there_is_no_link_for_a_switched_off_account_or_nobody(admin_client: Client, alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert "/link/" not in admin_client.get(f"{PEOPLE}{alice.pk}/change/").content.decode()
    assert admin_client.post(f"{PEOPLE}{alice.pk}/link/").status_code == 404
    assert admin_client.post(f"{PEOPLE}999999/link/").status_code == 404


def test_members_and_strangers_are_kept_out(alice_client: Client, client: Client, bob: User) -> None:
    for path in (PEOPLE, f"{PEOPLE}{bob.pk}/change/", "/admin/login/"):
        last = client.get(path, follow=True).redirect_chain[-1][0]
        assert last == f"/accounts/login/?next={quote(path, safe='')}"
        assert alice_client.get(path, follow=True).status_code == 403
    assert not bob.one_time_links.exists()
    alice_client.post(f"{PEOPLE}{bob.pk}/link/")
    assert not bob.one_time_links.exists()


def test_the_admins_link_leads_to_the_public_address(
    admin_client: Client, alice: User, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://chat.example.org"
    page = admin_client.post(f"{PEOPLE}{alice.pk}/link/").content.decode()
    assert 'value="https://chat.example.org/link/' in page


@pytest.mark.parametrize(
    ("loopback", "shown"), [(False, "http://192.168.1.5:5000/"), (True, "http://localhost:5000/")]
)
def test_on_the_home_network_the_link_leads_to_this_machine(
    admin_client: Client, alice: User, settings: LazySettings, loopback: bool, shown: str
) -> None:
    settings.ON_LOOPBACK = loopback
    settings.ENV = {**settings.ENV, "LAN_ADDRESSES": ["192.168.1.5"]}
    page = admin_client.post(f"{PEOPLE}{alice.pk}/link/", HTTP_HOST="localhost:5000").content.decode()
    assert f'value="{shown}link/' in page


def test_the_admin_adds_a_child_without_an_address(admin_client: Client) -> None:
    form = {
        "username": "Миша",
        "role": "guest",
        "usable_password": "true",
        "password1": NEW,
        "password2": NEW,
    }
    assert admin_client.post(f"{PEOPLE}add/", form).status_code == 302
    child = User.objects.get(role=Role.GUEST)
    assert (child.username, child.email, child.is_staff) == ("миша", None, False)
    assert child.check_password(NEW)


def test_a_name_that_is_taken_in_other_letters_is_refused(admin_client: Client, alice: User) -> None:
    form = {
        "username": "ALICE",
        "role": "user",
        "usable_password": "true",
        "password1": NEW,
        "password2": NEW,
    }
    assert "taken" in admin_client.post(f"{PEOPLE}add/", form).content.decode()
    assert User.objects.count() == 2


def test_two_people_without_an_address_can_be_edited(admin_client: Client, alice: User, bob: User) -> None:
    for person in (alice, bob):
        response = admin_client.post(f"{PEOPLE}{person.pk}/change/", form_of(person, email=""))
        assert response.status_code == 302
    assert User.objects.filter(email=None).count() == 2


def test_the_admin_makes_somebody_an_admin(admin_client: Client, alice: User) -> None:
    admin_client.post(f"{PEOPLE}{alice.pk}/change/", form_of(alice, role="admin"))
    assert signed_in(User.objects.get(pk=alice.pk)).get("/admin/").status_code == 200


def test_the_last_admin_stays_one(admin_client: Client, admin: User) -> None:
    response = admin_client.post(f"{PEOPLE}{admin.pk}/change/", form_of(admin, role="user"))
    assert "only admin" in response.content.decode()
    act(admin_client, "block", admin)
    assert User.objects.admins().get() == admin


def act(client: Client, action: str, *people: User) -> None:
    """Do to people what the admin's list offers."""
    chosen = [str(person.pk) for person in people]
    client.post(PEOPLE, {"action": action, "_selected_action": chosen})


def did() -> list[str]:
    """Return what the audit log says, oldest first."""
    return [
        f"{entry.actor_name} {entry.action} {entry.target}" for entry in AuditEntry.objects.order_by("pk")
    ]


def test_blocking_puts_somebody_out_at_once(admin_client: Client, alice: User, alice_client: Client) -> None:
    assert alice_client.get("/").status_code == 200
    act(admin_client, "block", alice)
    assert alice_client.get("/").status_code == 302
    act(admin_client, "let_in_again", alice)
    assert alice_client.get("/").status_code == 302, "the old session has ended for good"
    assert signed_in(User.objects.get(pk=alice.pk)).get("/").status_code == 200
    assert did() == ["admin user.blocked alice", "admin user.unblocked alice"]
    assert AuditEntry.objects.earliest("pk").address == "127.0.0.1"


@pytest.mark.parametrize("state", ["waits_since", "leaves_at"])
def test_who_waits_or_leaves_is_blocked_like_anybody(
    admin_client: Client, client: Client, alice: User, state: str
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False, **{state: timezone.now()})
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    act(admin_client, "block", alice)
    act(admin_client, "block", alice)
    assert did() == ["admin user.blocked alice"]
    assert client.post("/accounts/stay/").status_code == 410
    act(admin_client, "approve", alice)
    assert not User.objects.get(pk=alice.pk).is_active


def test_the_admin_lets_in_who_waits(admin_client: Client, alice: User, bob: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False, waits_since=timezone.now())
    act(admin_client, "approve", alice, bob)
    assert User.objects.get(pk=alice.pk).is_active
    assert did() == ["admin user.approved alice"]


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("in", {}),
        ("waiting", {"is_active": False, "waits_since": timezone.now()}),
        ("blocked", {"is_active": False}),
        ("leaving", {"is_active": False, "leaves_at": timezone.now()}),
    ],
)
def test_people_are_found_by_their_state(
    admin_client: Client, bob: User, state: str, fields: dict[str, Any]
) -> None:
    User.objects.filter(pk=bob.pk).update(**fields)
    for asked in ("in", "waiting", "blocked", "leaving"):
        page = admin_client.get(f"{PEOPLE}?state={asked}").content.decode()
        assert ("bob@example.org" in page) == (asked == state)


def test_a_new_role_is_written_down(admin_client: Client, alice: User) -> None:
    admin_client.post(f"{PEOPLE}{alice.pk}/change/", form_of(alice, role="guest"))
    assert did() == ["admin user.role alice"]
    assert AuditEntry.objects.get().details == {"role": "guest"}


def test_what_an_admin_changes_of_somebody_is_written_down(admin_client: Client, alice: User) -> None:
    changed = form_of(alice, email="new@example.org", role="guest")
    admin_client.post(f"{PEOPLE}{alice.pk}/change/", changed)
    assert did() == ["admin user.role alice", "admin user.changed alice"]
    assert AuditEntry.objects.latest("pk").details == {"fields": ["email"]}


def test_who_signs_in_is_written_down_with_their_address(client: Client, alice: User) -> None:
    client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    body = {"username": "alice", "password": PASSWORD}
    client.post("/api/auth/login", body, content_type="application/json", REMOTE_ADDR="192.0.2.7")
    assert did() == ["alice user.signed_in alice"] * 2
    assert list(AuditEntry.objects.order_by("pk").values_list("address", flat=True)) == [
        "127.0.0.1",
        "192.0.2.7",
    ]


def test_the_admin_signs_somebody_out_everywhere(
    admin_client: Client, alice: User, alice_client: Client
) -> None:
    key = ApiKey.objects.create(user=alice, name="script", key_hash="0" * 64)
    assert admin_client.post(f"{PEOPLE}{alice.pk}/sign-out/").status_code == 302
    assert alice_client.get("/").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at
    assert did() == ["admin user.signed_out alice"]


def test_the_admin_takes_lost_second_factors_away(admin_client: Client, alice: User) -> None:
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={})
    admin_client.post(f"{PEOPLE}{alice.pk}/second-factor/")
    assert not Authenticator.objects.exists()
    assert did() == ["admin user.factors_reset alice"]


def test_the_admin_gives_somebody_limits(admin_client: Client, alice: User) -> None:
    limits = {"allowance-TOTAL_FORMS": "1", "allowance-0-user": str(alice.pk), "allowance-0-pictures": "3"}
    response = admin_client.post(f"{PEOPLE}{alice.pk}/change/", form_of(alice, **limits))
    assert response.status_code == 302
    assert alice.allowance.pictures == 3
    assert "0 of 3 pictures" in admin_client.get(f"{PEOPLE}{alice.pk}/change/").content.decode()
    assert did() == ["admin user.limits alice"]


def test_the_audit_log_is_read_and_never_written(admin_client: Client, alice: User) -> None:
    act(admin_client, "block", alice)
    entry = AuditEntry.objects.get()
    where = f"/admin/accounts/auditentry/{entry.pk}/"
    assert "user.blocked" in admin_client.get("/admin/accounts/auditentry/").content.decode()
    assert admin_client.get(f"{where}change/").status_code == 200
    for path in (f"{where}change/", f"{where}delete/", "/admin/accounts/auditentry/add/"):
        assert admin_client.post(path, {"action": "nothing.happened", "post": "yes"}).status_code == 403
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        AuditEntry.objects.filter(pk=entry.pk).update(action="x")
    with pytest.raises(TypeError):
        AuditEntry.objects.all().delete()


def test_the_admin_changes_what_guests_may(admin_client: Client) -> None:
    group = Group.objects.get(name=Role.GUEST)
    chat = Permission.objects.get(codename=Verb.CHAT)
    form = {"permissions": [chat.pk], "allowance-TOTAL_FORMS": "1", "allowance-INITIAL_FORMS": "1",
            "allowance-0-id": group.allowance.pk, "allowance-0-group": group.pk,
            "allowance-0-gpu_minutes": "5"}  # fmt: skip
    assert admin_client.post(f"/admin/auth/group/{group.pk}/change/", form).status_code == 302
    guest = User.objects.create_user("kid", role=Role.GUEST)
    assert rights.may(guest, Verb.CHAT)
    assert not rights.may(guest, Verb.DRAW)
    assert limits.allowance_of(guest)[limits.GPU] == 5
    assert AuditEntry.objects.get().details == {"may": ["chat"]}
    assert admin_client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403


def test_one_of_two_admins_may_go(admin_client: Client, admin: User) -> None:
    User.objects.create_superuser("second")
    admin_client.post(f"{PEOPLE}{admin.pk}/change/", form_of(admin, role="user"))
    assert User.objects.admins().get().username == "second"


def test_the_last_admin_cannot_be_deleted(admin_client: Client, admin: User, alice: User) -> None:
    assert admin_client.post(f"{PEOPLE}{admin.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"{PEOPLE}{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()
    everybody = {"action": "delete_selected", "_selected_action": [admin.pk], "post": "yes"}
    admin_client.post(PEOPLE, everybody)
    assert User.objects.admins().get() == admin


def test_a_person_is_deleted_with_their_chats_and_no_title_is_shown(
    admin_client: Client, alice: User
) -> None:
    chat = answered_chat(alice)
    Chat.objects.filter(pk=chat.pk).update(title="A secret title")
    page = admin_client.get(f"{PEOPLE}{alice.pk}/delete/").content.decode()
    assert "all that is theirs" in page
    assert "secret title" not in page
    assert admin_client.post(f"{PEOPLE}{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Chat.objects.filter(pk=chat.pk).exists()


def test_the_admins_door_has_the_limits_of_the_door(client: Client, admin: User) -> None:
    response = client.post("/admin/login/", {"username": "admin", "password": PASSWORD})
    assert response["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    admin_client: Client,
) -> None:
    counts = []
    for number in (1, 20):
        for each in range(number):
            User.objects.create_user(f"person.{number}.{each}")
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(PEOPLE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
