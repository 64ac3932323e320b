from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts import invites
from accounts.errors import AppError, Code
from accounts.models import AuditEntry, Invite, Role, User
from tests.conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/invites/"
SIGNUP = "/accounts/signup/"
FORM = {"note": "Grandma", "role": "guest", "most_uses": "1", "days": "7"}


@pytest.fixture(autouse=True)
def invite_only(settings: LazySettings) -> None:
    settings.SIGNUP_POLICY = "invite"


def come(client: Client, token: str, name: str = "ann") -> int:
    """Follow an invite's link and make an account; return the status of the last answer."""
    client.get(f"/join/{token}/")
    return client.post(SIGNUP, {"username": name, "password1": PASSWORD, "email": ""}).status_code


def test_whoever_holds_an_invite_makes_an_account_with_its_role(client: Client, admin: User) -> None:
    invite, token = invites.create_invite(admin, role=Role.GUEST)
    led = client.get(f"/join/{token}/")
    assert (led.status_code, led["Location"]) == (302, SIGNUP)
    assert token not in str(dict(client.session))
    assert "You are invited" in client.get(SIGNUP).content.decode()
    assert come(client, token) == 302
    ann = User.objects.get(username="ann")
    assert (ann.role, ann.invite, client.session["_auth_user_id"]) == (Role.GUEST, invite, str(ann.pk))


def test_without_an_invite_the_door_stays_closed(client: Client) -> None:
    response = client.post(SIGNUP, {"username": "ann", "password1": PASSWORD})
    assert "ask" in response.content.decode()
    assert not User.objects.filter(username="ann").exists()


def test_an_invite_makes_no_more_accounts_than_it_is_for(admin: User) -> None:
    _invite, token = invites.create_invite(admin, most_uses=2)
    assert [come(Client(), token, name) for name in ("ann", "ben", "cat")] == [302, 302, 200]
    assert Client().get(f"/join/{token}/").status_code == 410


def test_of_two_who_come_at_once_by_the_last_use_one_is_let_in(admin: User) -> None:
    _invite, token = invites.create_invite(admin)
    first, second = invites.find_invite(token), invites.find_invite(token)
    invites.use_invite(first)
    with pytest.raises(AppError) as refused:
        invites.use_invite(second)
    assert refused.value.code is Code.GONE


def test_what_the_form_refuses_does_not_use_the_invite_up(client: Client, admin: User) -> None:
    invite, token = invites.create_invite(admin)
    client.get(f"/join/{token}/")
    client.post(SIGNUP, {"username": "admin", "password1": PASSWORD})
    invite.refresh_from_db()
    assert invite.uses == 0


def test_an_unknown_an_old_and_a_withdrawn_invite_answer_the_same(client: Client, admin: User) -> None:
    withdrawn, gone = invites.create_invite(admin)
    assert invites.revoke_invite(withdrawn)
    old, late = invites.create_invite(admin)
    Invite.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    answers = [client.get(f"/join/{token}/") for token in (gone, late, "nothing-of-the-kind")]
    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.content.split(b"<body")[1] for answer in answers}) == 1


def test_no_invite_works_where_sign_up_is_closed(client: Client, admin: User, settings: LazySettings) -> None:
    _invite, token = invites.create_invite(admin)
    settings.SIGNUP_POLICY = "closed"
    assert client.get(f"/join/{token}/").status_code == 410


def test_an_invite_leads_past_the_approval(client: Client, admin: User, settings: LazySettings) -> None:
    settings.SIGNUP_POLICY = "approval"
    _invite, token = invites.create_invite(admin)
    come(client, token)
    assert User.objects.get(username="ann").is_active


def test_whoever_has_an_account_keeps_it(alice_client: Client, admin: User) -> None:
    _invite, token = invites.create_invite(admin)
    assert alice_client.get(f"/join/{token}/")["Location"] == "/"


def test_a_program_registers_by_an_invite(client: Client, admin: User) -> None:
    _invite, token = invites.create_invite(admin, role=Role.GUEST)
    body = {"username": "ann", "password": PASSWORD}
    assert client.post("/api/auth/register", body, content_type="application/json").status_code == 403
    answer = client.post("/api/auth/register", {**body, "invite": token}, content_type="application/json")
    assert (answer.status_code, answer.json()["user"]["role"]) == (201, "guest")
    again = {**body, "username": "ben", "invite": token}
    assert client.post("/api/auth/register", again, content_type="application/json").status_code == 410


def test_an_admin_makes_an_invite_and_sees_its_link_and_code_once(admin_client: Client) -> None:
    made = admin_client.post(PAGE, FORM)
    page = made.content.decode()
    link = made.context["link"]
    assert link.startswith("http://testserver/join/")
    assert link in page
    assert '<svg width="' in page
    assert "data:image" not in page
    assert "style=" not in page
    later = admin_client.get(PAGE).content.decode()
    assert "Grandma" in later
    assert link not in later
    assert come(Client(), link.split("/")[-2]) == 302
    assert AuditEntry.objects.filter(action="invite.made", target="Grandma").exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"role": "king"}, "role"), ({"most_uses": "0"}, "most_uses"), ({"days": "9000"}, "days")],
)
def test_each_field_says_what_is_wrong(admin_client: Client, sent: dict[str, str], field: str) -> None:
    response = admin_client.post(PAGE, FORM | sent)
    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert not Invite.objects.exists()


def test_an_admin_withdraws_an_invite(admin_client: Client, admin: User) -> None:
    invite, token = invites.create_invite(admin)
    assert admin_client.post(f"{PAGE}{invite.pk}/withdraw/")["Location"] == PAGE
    assert Client().get(f"/join/{token}/").status_code == 410
    assert AuditEntry.objects.filter(action="invite.withdrawn").count() == 1


def test_the_admin_pages_show_and_withdraw_invites_but_never_make_them(
    admin_client: Client, admin: User
) -> None:
    invite, _token = invites.create_invite(admin, note="Grandma")
    assert "Grandma" in admin_client.get("/admin/accounts/invite/").content.decode()
    assert admin_client.get("/admin/accounts/invite/add/").status_code == 403
    assert admin_client.post(f"/admin/accounts/invite/{invite.pk}/delete/").status_code == 403
    admin_client.post("/admin/accounts/invite/", {"action": "withdraw", "_selected_action": [invite.pk]})
    invite.refresh_from_db()
    assert not invite.is_open


def test_to_everybody_else_the_page_is_closed(client: Client, alice: User, admin: User) -> None:
    invite, _token = invites.create_invite(admin)
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")
    stranger = signed_in(alice)
    assert stranger.get(PAGE).status_code == 403
    assert stranger.post(PAGE, FORM).status_code == 403
    assert stranger.post(f"{PAGE}{invite.pk}/withdraw/").status_code == 403
    invite.refresh_from_db()
    assert invite.is_open


@pytest.mark.usefixtures("empty_cache")
def test_guessing_links_is_slowed_down(client: Client, settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"link": "2/m/ip"}
    assert [client.get(f"/join/guess{n}/").status_code for n in range(3)] == [410, 410, 429]
