"""Who is blocked or demoted is out at once: pages, sockets, streams and tokens."""

from __future__ import annotations

import time

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.invariants.pages import Page
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.processes
AT_ONCE = 10.0  # seconds, on a busy machine; the answer itself takes three times as long
BLOCK = "from accounts import revoking; from accounts.models import User; revoking.{call}"


def put_out(app: App, person: Person, call: str) -> None:
    """Do to the person what the admin's page does, in a process of its own."""
    app.manage("shell", "--no-imports", "-c", BLOCK.format(call=call.format(name=person.name)))


def closed_with(page: Page) -> int:
    """Return the code with which the server closes the page's socket."""
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            page.socket.recv(timeout=AT_ONCE)
    assert time.monotonic() - began < AT_ONCE
    assert closed.value.rcvd
    return closed.value.rcvd.code


def test_a_blocked_persons_socket_stream_and_token_end_at_once(app: App) -> None:
    mallory = app.person("mallory")
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(600)], rate=20)
    chat, answer = app.send(mallory, "hello")
    events = f"/api/chats/{chat}/messages/{answer}/events"
    with Page(app, mallory) as page, app.call(mallory, events, stream=True) as stream:
        page.join(answer)
        page.hear_words(answer, 5)
        lines = stream.iter_lines()
        next(lines)
        put_out(app, mallory, "block_user(User.objects.get(username='{name}'))")
        assert closed_with(page) == 4403
        began = time.monotonic()
        told = b"".join(lines)
        assert time.monotonic() - began < AT_ONCE
        assert b'"type":"end"' not in told.replace(b" ", b"")
    assert app.call(mallory, "/api/chats").status_code == 401
    cookie = {"sessionid": mallory.session}
    assert requests.get(app.url, cookies=cookie, allow_redirects=False, timeout=60).status_code == 302
    with pytest.raises((ConnectionClosed, InvalidStatus)), Page(app, mallory) as again:
        again.socket.recv(timeout=AT_ONCE)


def test_a_demoted_persons_page_comes_back_with_the_new_rights(app: App) -> None:
    trent = app.person("trent", role="admin")
    with Page(app, trent) as page:
        page.say(op="join", kind="user", id=0)
        page.hear()
        put_out(app, trent, "change_role(User.objects.get(username='{name}'), 'guest')")
        assert closed_with(page) == 4403
        page.open()
        page.say(op="join", kind="user", id=0)
        assert page.hear(), "still somebody, with fewer rights"
    cookie = {"sessionid": trent.session}
    assert requests.get(f"{app.url}/admin/accounts/user/", cookies=cookie, timeout=60).status_code == 403


def at_the_admins_page(app: App, path: str, form: dict[str, str]) -> None:
    """Send a form of the admin's about somebody, as a browser does."""
    admin = app.person("root", role="admin")
    with requests.Session() as browser:
        browser.cookies.set("sessionid", admin.session)
        browser.get(app.url + path, timeout=20).raise_for_status()
        form = {**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        sent = browser.post(app.url + path, form, allow_redirects=False, timeout=20)
    assert sent.status_code == 302, sent.text


@pytest.mark.parametrize(
    ("name", "page_of_admin", "form"),
    [
        ("peggy", "delete/", {"post": "yes"}),
        (
            "victor",
            "password/",
            {"password1": "another horse battery", "password2": "another horse battery", "set-password": "1"},
        ),
    ],
)
def test_who_is_deleted_or_gets_a_password_of_the_admins_is_out_at_once(
    app: App, name: str, page_of_admin: str, form: dict[str, str]
) -> None:
    person = app.person(name)
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(600)], rate=20)
    chat, answer = app.send(person, "hello")
    events = f"/api/chats/{chat}/messages/{answer}/events"
    with Page(app, person) as page, app.call(person, events, stream=True) as stream:
        page.join(answer)
        page.hear_words(answer, 5)
        lines = stream.iter_lines()
        next(lines)
        at_the_admins_page(app, f"/admin/accounts/user/{person.pk}/{page_of_admin}", form)
        assert closed_with(page) == 4403
        assert b'"type":"end"' not in b"".join(lines).replace(b" ", b"")
    assert app.call(person, "/api/chats").status_code == 401


def test_signing_out_everywhere_leaves_nobody_in(app: App) -> None:
    trudy = app.person("trudy")
    with Page(app, trudy) as page:
        put_out(app, trudy, "sign_out_everywhere(User.objects.get(username='{name}'))")
        assert closed_with(page) == 4403
    cookie = {"sessionid": trudy.session}
    assert requests.get(app.url, cookies=cookie, allow_redirects=False, timeout=60).status_code == 302


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null"])
def test_a_page_of_another_site_gets_no_socket(app: App, alice: Person, origin: str) -> None:
    """Cookies go along with a foreign page's socket, so its origin is what is asked."""
    with pytest.raises(InvalidStatus) as refused:
        connect(
            app.url.replace("http", "ws", 1) + "/ws/",
            additional_headers={"Cookie": f"sessionid={alice.session}"},
            origin=Origin(origin),
            compression=None,
            legacy=True,
        )
    assert refused.value.response.status_code == 403
