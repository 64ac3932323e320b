from __future__ import annotations

from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD, signed_in

URL = "/accounts/password/change/"
NEW = "another horse battery"


def test_a_new_password_keeps_this_device_in_and_the_others_out(alice: User, alice_client: Client) -> None:
    other = signed_in(alice)
    response = alice_client.post(URL, {"oldpassword": PASSWORD, "password1": NEW})
    assert response["Location"] == "/"
    assert alice_client.get(URL).status_code == 200
    assert other.get(URL).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_the_current_password_is_needed(alice: User, alice_client: Client) -> None:
    response = alice_client.post(URL, {"oldpassword": "wrong", "password1": NEW})
    assert "oldpassword" in response.context["form"].errors


def test_a_weak_one_is_refused(alice_client: Client) -> None:
    response = alice_client.post(URL, {"oldpassword": PASSWORD, "password1": "alice"})
    assert "password1" in response.context["form"].errors


def test_an_anonymous_person_is_shown_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"
