"""Each hole that the peers had, tried here: the same attempt, named after the report."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts import apikeys, links, registering, standing, tokens
from accounts.errors import AppError
from accounts.models import ApiKey, Role, User
from chats import rendering, stopping
from chats.models import Chat, Message
from gpu.models import LanguageModel
from imaging.models import GeneratedImage
from live import kinds
from tests.conftest import PASSWORD, signed_in
from tests.doors.conftest import House

JSON = "application/json"
ROOT = Path(__file__).parents[2]
XSS = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def api(house: House, actor: str, method: str, path: str, body: str = "{}") -> Any:
    headers = {"Authorization": f"Bearer {house.tokens[actor]}"}
    return Client(raise_request_exception=False).generic(method, path, body, JSON, headers=headers)


def read(response: Any) -> Any:
    """Return the response, its file read to the end and closed."""
    if response.streaming and not response.is_async:
        b"".join(response.streaming_content)
    return response


@pytest.fixture
def trap() -> Iterator[tuple[str, list[object]]]:
    """A server that nobody may be made to call: its address, and who called."""
    calls: list[object] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def wait() -> None:
        while True:
            try:
                calls.append(listening.accept()[1])
            except OSError:
                return

    waiting = threading.Thread(target=wait)
    waiting.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/x.png", calls
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    waiting.join()


# Open WebUI


@pytest.mark.parametrize("actor", ["stranger", "admin", "guest"])
def test_cve_2026_45349_a_chat_is_not_continued_by_its_number(house: House, actor: str) -> None:
    chat = house.things["chat_id"]
    said = f'{{"chat_id": {chat}, "content": "and then?", "description": "a cat"}}'
    for path in (f"/api/chats/{chat}/messages", "/api/chat/search", "/api/image/generate"):
        assert api(house, actor, "POST", path, said).status_code in (403, 404), path
    assert Message.objects.filter(chat_id=chat).count() == 3


@pytest.mark.parametrize("actor", ["stranger", "admin", "guest"])
def test_cve_2026_45671_files_are_deleted_by_their_owner_alone(house: House, actor: str) -> None:
    image, job = house.things["image_id"], house.things["job_id"]
    browser = house.browsers[actor]
    assert browser.post(f"/pictures/variants/{image}/delete/").status_code == 404
    browser.post("/pictures/delete/", {"image": [image], "images": [image], "job": [job]})
    api(house, actor, "DELETE", f"/api/image/{house.picture_message}")
    assert GeneratedImage.objects.get(pk=image).deleted_at is None
    assert Message.objects.get(pk=house.picture_message).deleted_at is None


@pytest.mark.parametrize("actor", ["stranger", "admin", "guest"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_cve_2026_44569_a_message_is_changed_by_its_author_alone(
    house: House, actor: str, method: str
) -> None:
    path = f"/api/chats/{house.things['chat_id']}/messages/{house.things['message_id']}"
    assert api(house, actor, method, path, '{"content": "mine now"}').status_code == 404
    assert Message.objects.get(pk=house.things["message_id"]).content == "Hi."


def test_a_message_is_not_reached_through_a_chat_of_ones_own(house: House) -> None:
    own = Chat.objects.create(user=house.people["stranger"], updated_at=Chat.objects.get().updated_at)
    path = f"/api/chats/{own.pk}/messages/{house.things['message_id']}"
    for method in ("GET", "PUT", "DELETE"):
        assert api(house, "stranger", method, path, '{"content": "mine"}').status_code == 404


def test_cve_2026_44564_a_socket_asks_for_the_right_and_not_for_the_room(house: House) -> None:
    answer = kinds.get("message")
    assert answer
    assert answer.stop
    identity = str(house.things["message_id"])
    Message.objects.filter(pk=identity).update(status="streaming")
    for actor in ("stranger", "admin", "guest"):
        assert answer.find(house.people[actor], identity) is None
        answer.stop(house.people[actor], identity)
    assert stopping.read_flags([int(identity)]) == set()
    answer.stop(house.people["owner"], identity)
    assert stopping.read_flags([int(identity)]) == {int(identity)}


def test_cve_2026_45339_a_keys_scope_holds_in_every_header(alice: User) -> None:
    _key, shown = apikeys.create_key(alice, name="reads", scopes=[ApiKey.Scope.READ])
    for headers in ({"Authorization": f"Bearer {shown}"}, {"X-API-Key": shown}):
        client = Client(headers=headers)
        assert client.get("/api/chats").status_code == 200
        assert client.post("/api/chats", "{}", JSON).status_code == 403
        assert client.get("/api/keys").status_code == 403
        assert client.get("/api/auth/me").status_code in (200, 403)
        assert client.post("/api/auth/logout", "{}", JSON).status_code == 403


FIELDS = ("image_url", "url", "avatar", "avatar_url", "source", "image", "reference_image_url", "webhook")


def test_cve_2026_45401_and_45400_no_address_of_a_users_is_ever_fetched(
    house: House, trap: tuple[str, list[object]]
) -> None:
    """Nor are redirects followed, nor IPv4 in IPv6 clothes (LibreChat's CVE-2026-31943)."""
    url, calls = trap
    bodies = [f'{{"content": "look {url}", "description": "{url}", "{name}": "{url}"}}' for name in FIELDS]
    chat = house.things["chat_id"]
    for body in bodies:
        for path in (f"/api/chats/{chat}/messages", "/api/image/generate", "/api/chats", "/api/image/upload"):
            api(house, "owner", "POST", path, body)
        api(house, "owner", "PATCH", "/api/auth/me", body)
    assert calls == []


def test_no_module_of_ours_calls_an_address_that_a_user_gave() -> None:
    """Who may call out at all is a short list: the two services, the search, the process manager."""
    calling = re.compile(
        r"\b(requests\.(get|post|request|Session)|urlopen|http\.client|aiohttp\.ClientSession|websocket\.create)"
    )
    callers = {
        str(path.relative_to(ROOT))
        for app in ("accounts", "live", "gpu", "chats", "imaging", "ollamachat")
        for path in (ROOT / app).rglob("*.py")
        if calling.search(path.read_text())
    }
    known = (
        "gpu/services/",
        "gpu/processmanager.py",
        "chats/websearch/provider.py",
        "gpu/engines/",
        "ollamachat/doctor/",
    )
    assert [path for path in callers if not path.startswith(known)] == []


def test_0_9_0_a_models_description_is_text(alice: User, settings: Any) -> None:
    LanguageModel.objects.create(name="smollm2:135m", label=XSS)
    for path in ("/", "/models/", "/models/picker/"):
        assert "<script>alert(2)" not in signed_in(alice).get(path).content.decode()


def test_0_9_6_a_path_has_no_way_out_of_its_folder(house: House) -> None:
    sha = house.things["sha256"]
    owner = house.browsers["owner"]
    assert read(owner.get(f"/media/{sha}/original")).status_code == 200
    for path in (
        f"/media/{sha}/../../db.sqlite3", f"/media/{sha[:-1]}/original",
        f"/media/{sha}/original%2f..%2f..%2f.env",
        "/media/..%2f..%2fdb.sqlite3/original", "/static/../data/.env", "/static/%2e%2e/manage.py",
        f"/media/{sha}-evil/original", f"/media/{sha}/512",
    ):  # fmt: skip
        assert owner.get(path).status_code == 404, path


@pytest.mark.django_db(transaction=True)
def test_0_8_4_of_many_first_admins_there_is_one() -> None:
    made: list[str] = []
    tickets = [links.find_link(links.create_setup_link(), "setup") for _ in range(4)]  # type: ignore[arg-type]

    def run(number: int) -> None:
        try:
            registering.register_first_admin(tickets[number], username=f"first{number}", password=PASSWORD)
            made.append(f"first{number}")
        except AppError:
            pass
        finally:
            connections.close_all()

    racing = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    assert [user.username for user in User.objects.admins()] == made
    assert len(made) == 1


@pytest.mark.parametrize(
    "query", ["user={owner}", "user_id={owner}", "chat={chat}", "as={owner}", "owner={owner}"]
)
def test_0_8_11_no_parameter_makes_somebody_else_of_one(house: House, query: str) -> None:
    asked = query.format(owner=house.people["owner"].pk, chat=house.things["chat_id"])
    for path in ("/api/chats", "/chats/list/", "/api/image", "/pictures/", "/api/jobs", "/search/"):
        response = house.browsers["stranger"].get(f"{path}?{asked}&q=Hello")
        assert response.status_code == 200, path
        assert "Alice" not in response.content.decode()
        assert house.things["sha256"] not in response.content.decode()


def test_0_7_0_what_the_page_hides_the_server_refuses(house: House) -> None:
    from django.contrib.auth.models import Group

    Group.objects.get(name=Role.GUEST).permissions.clear()
    for path, body in (
        ("/api/image/generate", '{"description": "a cat"}'),
        ("/api/chat/search", '{"content": "news"}'),
        ("/api/gpu/borrow", '{"minutes": 15}'),
    ):
        assert api(house, "guest", "POST", path, body).status_code == 403, path


def test_0_7_0_a_source_of_a_citation_is_a_link_and_never_a_frame() -> None:
    from chats.sentences import shown_sources

    found = [{"n": 1, "title": XSS, "url": "javascript:alert(1)", "text": ""},
             {"n": 2, "title": XSS, "url": "data:text/html,<script>x</script>", "text": ""}]  # fmt: skip
    assert shown_sources(found) == []


def test_0_6_19_no_token_stands_in_an_address(house: House) -> None:
    for path in ("/", "/accounts/login/", "/api/auth/me"):
        response = house.browsers["owner"].get(path)
        assert not re.search(r"[?&](token|access|jwt|key)=", response.content.decode()), path


@pytest.mark.parametrize("where", ["title", "name", "content"])
def test_0_3_24_what_somebody_wrote_is_never_markup(alice: User, where: str) -> None:
    User.objects.filter(pk=alice.pk).update(name=XSS)
    chat = Chat.objects.create(user=alice, title=XSS, updated_at=alice.date_joined)
    Message.objects.create(chat=chat, author=alice, role="user", content=XSS)
    message = Message.objects.create(
        chat=chat, author=alice, role="assistant", content=XSS, status="complete"
    )
    Chat.objects.filter(pk=chat.pk).update(leaf=message)
    for path in ("/", f"/chats/{chat.pk}/", "/chats/all/", "/search/?q=onerror"):
        page = signed_in(User.objects.get(pk=alice.pk)).get(path).content.decode()
        assert "<script>alert(2)" not in page, path
        assert "<img src=x" not in page, path


def test_cve_2025_64496_no_server_can_send_a_page_something_to_run() -> None:
    running = re.compile(r"\beval\(|new Function\(|document\.write|setTimeout\(\s*[\"'`]")
    for path in (ROOT / "static/js").glob("*.js"):
        assert not running.search(path.read_text()), path.name


@pytest.mark.parametrize(
    "written",
    ["<iframe src=https://evil.example></iframe>", "<object data=x></object>", "<embed src=x>", XSS,
     "<svg onload=alert(1)>", "<form action=//evil.example><input name=p></form>", "<style>*{}</style>",
     "![x](https://evil.example/pixel.png)"],
)  # fmt: skip
def test_cve_2025_64495_and_46719_no_markdown_becomes_a_frame_a_form_or_a_script(written: str) -> None:
    html = rendering.render(written)
    assert not re.search(r"<(iframe|object|embed|script|svg|form|input|style|img)\b", html, re.IGNORECASE), (
        html
    )


@pytest.mark.parametrize(
    "name", ["page.html", "x.svg", "../../etc/passwd", "..\\..\\boot.ini", "x.png\x00.html"]
)
def test_cve_2025_46571_and_2024_6707_an_upload_is_a_picture_or_nothing(house: House, name: str) -> None:
    """Also LibreChat's CVE-2024-10361 and CVE-2024-41704: a file's name leads nowhere."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from tests.imaging.studio import png

    headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
    bad = SimpleUploadedFile(name, b"<html><script>alert(1)</script></html>", "image/png")
    refused = Client().post("/api/image/upload", {"file": bad}, headers=headers)
    assert refused.status_code in (400, 415)
    taken = Client().post(
        "/api/image/upload", {"file": SimpleUploadedFile(name, png("red"))}, headers=headers
    )
    assert taken.status_code == 201
    url = taken.json().get("url") or f"/media/{house.things['sha256']}/original"
    served = read(house.browsers["owner"].get(url))
    assert served["Content-Type"] in ("image/png", "image/jpeg", "image/webp")
    assert served["X-Content-Type-Options"] == "nosniff"
    assert ".." not in url


def test_cors_is_closed(house: House) -> None:
    for path in ("/api/chats", "/api/auth/login", "/", "/media/x/original"):
        asked = Client().options(
            path, headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
        )
        got = house.browsers["owner"].get(path, headers={"origin": "https://evil.example"})
        for response in (asked, got):
            assert not [name for name in response.headers if name.lower().startswith("access-control")], path


def test_keys_and_passwords_are_stored_as_hashes(alice: User) -> None:
    key, shown = apikeys.create_key(alice, name="script", scopes=[ApiKey.Scope.CHAT])
    kept = " ".join(str(value) for value in ApiKey.objects.filter(pk=key.pk).values_list().get())
    assert shown.rsplit("_", 1)[-1] not in kept
    assert PASSWORD not in alice.password


def test_no_script_keeps_a_token_where_other_scripts_can_read_it() -> None:
    for path in (ROOT / "static/js").glob("*.js"):
        kept = re.findall(r"(?:localStorage|sessionStorage)[^;\n]*", path.read_text())
        assert not [line for line in kept if re.search("token|jwt|password|secret", line, re.IGNORECASE)], (
            path.name
        )


# LibreChat


@pytest.mark.parametrize("actor", ["stranger", "admin", "guest"])
def test_cve_2026_31950_a_stream_is_its_owners(house: House, actor: str) -> None:
    chat, message = house.things["chat_id"], house.things["message_id"]
    for path in (
        f"/api/chats/{chat}/messages/{message}/events",
        f"/api/image/{house.picture_message}/events",
    ):
        assert api(house, actor, "GET", path).status_code == 404
        assert api(house, "owner", "GET", path).status_code == 200


@pytest.mark.parametrize("body", ["", "{}", "null", "[]", '{"arg": null}', "{", "\x00"])
def test_cve_2026_31949_a_missing_body_ends_nothing(house: House, body: str) -> None:
    for path in ("/api/chats", f"/api/chats/{house.things['chat_id']}", "/api/keys"):
        assert api(house, "owner", "DELETE", path, body).status_code < 500
    assert api(house, "owner", "GET", "/api/chats").status_code == 200


def test_secure_image_links_a_picture_needs_a_sign_in_and_its_owner(house: House) -> None:
    path = f"/media/{house.things['sha256']}/original"
    assert Client().get(path).status_code == 302
    for actor in ("stranger", "guest", "admin"):
        assert house.browsers[actor].get(path).status_code == 404
    mine = read(house.browsers["owner"].get(path))
    assert "private" in mine["Cache-Control"]


# Ollama and ComfyUI behind us


@pytest.mark.parametrize(
    "path", ["create", "push", "blobs/sha256:0", "copy", "tags", "generate", "embed", "show", "ps"]
)
def test_cve_2026_7482_no_door_of_ollamas_stands_open_here(house: House, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        assert api(house, "admin", method, f"/api/{path}").status_code in (404, 405)


@pytest.mark.parametrize(
    "path", ["/prompt", "/queue", "/history", "/view", "/upload/image", "/object_info", "/free"]
)
def test_no_door_of_comfyuis_stands_open_here(house: House, path: str) -> None:
    for method in ("GET", "POST"):
        assert api(house, "admin", method, path).status_code == 404


def test_people_never_learn_where_the_services_are(house: House, settings: Any) -> None:
    settings.COMFYUI_URL = "http://comfy.secret.example:8188"
    for path in ("/", "/pictures/", "/card/", "/api/gpu", "/api/models"):
        for actor in ("owner", "guest"):
            assert "comfy.secret.example" not in house.browsers[actor].get(path).content.decode(), path


def test_a_workflow_is_code_and_for_admins_alone(house: House) -> None:
    for actor in ("owner", "guest"):
        assert house.browsers[actor].get("/admin/imaging/workflow/add/").status_code in (302, 403)


# Rights that were taken back


def test_who_is_blocked_is_out_with_every_kind_of_key(alice: User, admin: User) -> None:
    _key, shown = apikeys.create_key(alice, name="script", scopes=list(ApiKey.Scope))
    access = tokens.begin(alice)
    browser = signed_in(alice)
    assert standing.block(alice)
    assert browser.get("/").status_code == 302
    for headers in ({"Authorization": f"Bearer {access['access']}"}, {"X-API-Key": shown}):
        assert Client(headers=headers).get("/api/chats").status_code == 401
    again = Client().post("/api/auth/refresh", {"refresh": access["refresh"]}, JSON)
    assert again.status_code == 401


def test_a_key_ends_with_the_right_to_have_one(alice: User) -> None:
    _key, shown = apikeys.create_key(alice, name="script", scopes=list(ApiKey.Scope))
    assert Client(headers={"X-API-Key": shown}).get("/api/chats").status_code == 200
    User.objects.filter(pk=alice.pk).update(role=Role.GUEST)
    assert Client(headers={"X-API-Key": shown}).get("/api/chats").status_code == 403
