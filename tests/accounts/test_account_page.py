from __future__ import annotations

import io
import re
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts import revoking, sessions, tokens
from accounts.models import AuditEntry, Avatar, Role, ScriptLogin, User
from tests.conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 400), mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "teal").save(written, kind)
    return written.getvalue()


def upload(client: Client, data: bytes, name: str = "me.png") -> Any:
    file = SimpleUploadedFile(name, data, "image/png")
    return client.post("/accounts/avatar/", {"picture": file})


def sign_in(agent: str = AGENT) -> Client:
    """Return a browser in which alice has signed in with her password."""
    client = Client(headers={"user-agent": agent})
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    return client


def test_the_page_shows_what_is_mine(alice_client: Client) -> None:
    page = alice_client.get(PAGE).content.decode()
    for shown in ("Alice", "alice@example.org", "0 minutes of the card", "API keys", "this browser"):
        assert shown in page
    assert "For the admin" not in page


def test_nobody_else_sees_it(client: Client) -> None:
    assert client.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"


def test_an_admin_is_told_who_waits(admin_client: Client, alice: User) -> None:
    assert "wait" not in admin_client.get(PAGE).content.decode().split("</section>")[0]
    User.objects.filter(pk=alice.pk).update(is_active=False, waits_since=alice.date_joined)
    assert "1 person waits to be let in" in admin_client.get(PAGE).content.decode()


def test_a_person_changes_name_language_and_look(alice_client: Client, alice: User) -> None:
    form = {"name": "Alice B.", "language": "ru", "theme": "dark", "details": "on"}
    assert alice_client.post("/accounts/profile/", form)["Location"] == PAGE
    alice.refresh_from_db()
    assert (alice.name, alice.language, alice.theme, alice.details) == ("Alice B.", "ru", "dark", True)
    page = alice_client.get(PAGE).content.decode()
    tag = re.search(r"<html[^>]*>", page)
    assert tag is not None
    assert all(part in tag[0] for part in ('lang="ru"', 'data-theme="dark"', 'data-kept-details="on"'))


def test_nobody_makes_themselves_an_admin(alice_client: Client, alice: User) -> None:
    alice_client.post(
        "/accounts/profile/", {"name": "A", "role": "admin", "username": "root", "email": "x@y.z"}
    )
    alice.refresh_from_db()
    assert (alice.role, alice.username, alice.email) == (Role.USER, "alice", "alice@example.org")


def test_a_wrong_choice_is_shown_and_changes_nothing(alice_client: Client, alice: User) -> None:
    response = alice_client.post("/accounts/profile/", {"name": "x" * 101, "theme": "pink"})
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {"name", "theme"}
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_a_switch_on_a_page_goes_to_the_account(alice_client: Client, alice: User) -> None:
    assert alice_client.post("/accounts/look/", {"theme": "dark"}).status_code == 204
    assert alice_client.post("/accounts/look/", {"details": "on"}).status_code == 204
    assert alice_client.post("/accounts/look/", {"theme": "pink"}).status_code == 400
    alice.refresh_from_db()
    assert (alice.theme, alice.details) == ("dark", True)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("PNG", "P")])
def test_a_picture_is_made_anew_small_and_square(
    alice_client: Client, alice: User, kind: str, mode: str
) -> None:
    assert upload(alice_client, picture(kind, mode=mode))["Location"] == PAGE
    with Image.open(io.BytesIO(bytes(alice.avatar.data))) as kept:
        assert (kept.format, kept.size) == ("WEBP", (256, 256))
        assert not kept.getexif()


def test_a_picture_is_shown_to_signed_in_people_alone(
    client: Client, alice_client: Client, bob: User
) -> None:
    upload(alice_client, picture())
    avatar = Avatar.objects.get()
    url = f"/avatar/{avatar.user_id}/{avatar.sha}/"
    assert url in alice_client.get(PAGE).content.decode()
    assert client.get(url).status_code == 302
    answer = signed_in(bob).get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"].startswith("private")
    assert signed_in(bob).get(f"/avatar/{avatar.user_id}/{'0' * 64}/").status_code == 404
    assert signed_in(bob).get(f"/avatar/{bob.pk}/{avatar.sha}/").status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        picture()[:200],
        b"GIF89a" + b"\0" * 100,
    ],
)
def test_what_is_no_picture_is_refused(alice_client: Client, data: bytes) -> None:
    assert upload(alice_client, data, "me.svg").status_code in {400, 415}
    assert not Avatar.objects.exists()


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(alice_client: Client) -> None:
    assert upload(alice_client, picture(size=(9000, 9000), mode="1")).status_code == 413


def test_the_initials_come_back(alice_client: Client) -> None:
    upload(alice_client, picture())
    alice_client.post("/accounts/avatar/", {"remove": "1"})
    assert not Avatar.objects.exists()
    assert 'aria-hidden="true">A</span>' in alice_client.get(PAGE).content.decode()


def test_the_address_changes_with_the_password_alone(alice_client: Client, alice: User) -> None:
    wrong = alice_client.post("/accounts/email/", {"email": "new@example.org", "password": "wrong"})
    assert "password" in wrong.context["form"].errors
    alice_client.post("/accounts/email/", {"email": "New@example.org", "password": PASSWORD})
    alice.refresh_from_db()
    assert alice.email == "new@example.org"
    assert AuditEntry.objects.filter(action="user.email", target="alice").count() == 1


def test_an_address_of_somebody_else_is_refused(alice_client: Client, alice: User, bob: User) -> None:
    answer = alice_client.post("/accounts/email/", {"email": "bob@example.org", "password": PASSWORD})
    assert "taken" in str(answer.context["form"].errors["email"])
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_a_new_address_is_confirmed_first_where_that_is_set(
    alice_client: Client, alice: User, bob: User, settings: LazySettings
) -> None:
    settings.EMAIL_VERIFICATION = "optional"
    answers = [
        alice_client.post("/accounts/email/", {"email": address, "password": PASSWORD}, follow=True)
        for address in ("bob@example.org", "free@example.org")
    ]
    assert all("a link there makes the address yours" in answer.content.decode() for answer in answers)
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert ["/confirm/" in message.body for message in mail.outbox] == [False, True]


@pytest.mark.usefixtures("empty_cache")
def test_the_password_is_not_guessed_here_either(alice_client: Client, settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"confirm": "2/m/user"}
    form = {"email": "x@example.org", "password": "wrong"}
    assert [alice_client.post("/accounts/email/", form).status_code for _try in range(3)] == [200, 200, 429]


def test_each_browser_is_listed_and_can_be_put_out(alice: User) -> None:
    here, there = sign_in(), sign_in("Mozilla/5.0 (iPhone) Version/18 Safari/605")
    page = here.get(PAGE)
    assert [place.name for place in page.context["browsers"]] == ["Firefox · Linux", "Safari · iPhone"]
    other = page.context["browsers"][1]
    assert here.post(f"/accounts/sessions/{other.key}/end/")["Location"] == PAGE
    assert there.get(PAGE).status_code == 302
    assert here.get(PAGE).status_code == 200


def test_nobody_puts_out_somebody_else(alice: User, bob: User) -> None:
    place = sign_in().get(PAGE).context["browsers"][0]
    tokens.begin(alice)
    login = ScriptLogin.objects.get()
    stranger = signed_in(bob)
    assert stranger.post(f"/accounts/sessions/{place.key}/end/").status_code == 404
    assert stranger.post(f"/accounts/programs/{login.pk}/end/").status_code == 404


def test_a_program_is_put_out(alice_client: Client, alice: User) -> None:
    token = tokens.begin(alice)["access"]
    [place] = alice_client.get(PAGE).context["programs"]
    alice_client.post(f"/accounts/programs/{place.key}/end/")
    answer = Client().get("/api/auth/me", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_signing_out_everywhere_leaves_this_browser_alone(alice: User) -> None:
    here, there = sign_in(), sign_in()
    token = tokens.begin(alice)["access"]
    assert here.post("/accounts/sessions/end/")["Location"] == PAGE
    assert here.get(PAGE).status_code == 200
    assert there.get(PAGE).status_code == 302
    answer = Client().get("/api/auth/me", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert AuditEntry.objects.filter(action="user.signed_out").count() == 1


def test_a_changed_password_is_written_down(alice_client: Client) -> None:
    form = {"oldpassword": PASSWORD, "password1": "another horse battery"}
    alice_client.post("/accounts/password/change/", form)
    assert AuditEntry.objects.filter(action="user.password", actor_name="alice").count() == 1


def test_a_new_password_ends_programs_and_closes_what_is_open(
    alice_client: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    closed: list[int] = []
    revoking.on_sign_out(closed.append)
    tokens.begin(alice)
    form = {"oldpassword": PASSWORD, "password1": "another horse battery"}
    with django_capture_on_commit_callbacks(execute=True):
        alice_client.post("/accounts/password/change/", form)
    revoking._closers.remove(closed.append)
    assert closed == [alice.pk]
    assert alice_client.get(PAGE).context["programs"] == []


def test_sessions_that_have_ended_are_forgotten(alice: User) -> None:
    kept, old = sign_in(), sign_in()
    Session.objects.filter(pk=old.session.session_key).update(expire_date=alice.date_joined)
    assert sessions.clear_ended() == 1
    assert UserSession.objects.get().session_key == kept.session.session_key


def test_the_number_of_queries_does_not_grow(alice: User, django_assert_max_num_queries: Any) -> None:
    client = sign_in()
    for _login in range(30):
        tokens.begin(alice)
    client.get(PAGE)
    with django_assert_max_num_queries(32):
        client.get(PAGE)
