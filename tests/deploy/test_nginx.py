"""nginx, two web processes, two workers for answers, MariaDB: people chat through all of it by https."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import connect
from websockets.typing import Origin

from launch.ports import free_port
from tests.databases.mariadb import running_mariadb
from tests.deploy.nginx import PROGRAM, Place, choose_place, running_nginx
from tests.processes import PASSWORD, App, Person, running_app, wait_until
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

LEFT_OUT = {"mysql", "nginx"} & set(os.environ.get("OC_LEFT_OUT", "").split(","))
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(bool(LEFT_OUT) or not PROGRAM, reason="start.py left nginx or MariaDB out"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return choose_place(tmp_path_factory.mktemp("nginx"))


@pytest.fixture(scope="module")
def app(place: Place) -> Iterator[App]:
    """The app as deploy/ runs it."""
    second = free_port()
    settings = {"PUBLIC_URL": place.url, "MEDIA_ACCEL": "/_pictures/", "LOG_FORMAT": "json"}
    with ExitStack() as ends:
        mariadb, comfyui = ends.enter_context(running_mariadb()), ends.enter_context(ScriptedComfyUI())
        with running_app(COMFYUI_URL=comfyui.url, **settings, **mariadb) as app:
            app.commands["web2"] = [sys.executable, "-m", "ollamachat.web", "-p", str(second)]
            app.commands["llm2"] = [word.replace("llm@", "llm@second-") for word in app.commands["llm"]]
            for name in ("web2", "llm2"):
                app.start(name)
            wait_until(lambda: _serves(second))
            first = app.environment["PORT"]
            upstream = f"server 127.0.0.1:{first}; server 127.0.0.1:{second};"
            with running_nginx(place, upstream, app.folder):
                yield app


def _serves(port: int) -> bool | None:
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=1).ok or None
    except requests.RequestException:
        return None


@pytest.fixture(scope="module")
def alice(app: App) -> Person:
    return app.person("alice")


@pytest.fixture(scope="module")
def browser(app: App, place: Place, alice: Person) -> requests.Session:
    """A browser in which alice has signed in by name and password."""
    browser = requests.Session()
    browser.trust_env = False  # a bundle of certificates there would win over ours
    browser.verify = place.certificate
    browser.get(f"{place.url}/accounts/login/")
    form = {"login": "alice", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    headers = {"Referer": f"{place.url}/accounts/login/"}
    answer = browser.post(f"{place.url}/accounts/login/", form, headers=headers, allow_redirects=False)
    assert answer.status_code == 302, answer.text[:500]
    return browser


def post(browser: requests.Session, url: str, body: Any, **more: Any) -> requests.Response:
    headers = {"Referer": url, "X-CSRFToken": browser.cookies["csrftoken"], **more.pop("headers", {})}
    return browser.post(url, json=body, headers=headers, timeout=30, **more)


def test_signing_in_gives_cookies_for_https_alone(browser: requests.Session, place: Place) -> None:
    assert {cookie.name: cookie.secure for cookie in browser.cookies}["sessionid"]
    page = browser.get(f"{place.url}/")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert page.headers["Server"] == "nginx"


def test_plain_http_leads_to_https(place: Place) -> None:
    moved = requests.get(f"http://localhost:{place.http}/c/1?x=y", allow_redirects=False, timeout=5)
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{place.url}/c/1?x=y")


def test_a_chat_streams_through_the_socket_word_by_word(
    app: App, browser: requests.Session, place: Place
) -> None:
    app.ollama.script(Script(tokens=[f"word{n} " for n in range(30)], rate=20))
    chat = post(browser, f"{place.url}/api/chats", {}).json()["id"]
    sent = post(browser, f"{place.url}/api/chats/{chat}/messages", {"content": "Hello", "stream": False})
    answer = sent.json()["answer"]["id"]
    with connect(
        place.url.replace("https", "wss") + "/ws/",
        ssl=ssl.create_default_context(cafile=place.certificate),
        origin=Origin(place.url),
        additional_headers={"Cookie": f"sessionid={browser.cookies['sessionid']}"},
    ) as socket:
        socket.send(json.dumps({"op": "join", "kind": "message", "id": answer}))
        heard, times = "", []
        while "word29" not in heard:
            heard += str(socket.recv(timeout=20))
            times.append(time.monotonic())
    assert len(times) > 10
    assert times[-1] - times[0] > 0.5
    thread = browser.get(f"{place.url}/api/chats/{chat}").json()["messages"]
    assert thread[-1]["content"].startswith("word0 word1")


def test_an_event_stream_is_not_held_back(app: App, browser: requests.Session, place: Place) -> None:
    app.ollama.script(Script(tokens=["tick "] * 20, rate=20))
    chat = post(browser, f"{place.url}/api/chats", {}).json()["id"]
    address = f"{place.url}/api/chats/{chat}/messages"
    headers = {"Accept": "text/event-stream"}
    times = []
    with post(browser, address, {"content": "Hi", "stream": True}, headers=headers, stream=True) as streamed:
        assert streamed.headers["Content-Type"].startswith("text/event-stream"), streamed.text
        for line in streamed.iter_lines(chunk_size=1):
            times += [time.monotonic()] if b"tick" in line else []
    assert times[-1] - times[0] > 0.4


def test_one_id_goes_from_nginx_through_web_and_worker_to_ollama(
    app: App, browser: requests.Session, place: Place
) -> None:
    app.ollama.script(Script(tokens=["traced."]))
    chat = post(browser, f"{place.url}/api/chats", {}).json()["id"]
    address = f"{place.url}/api/chats/{chat}/messages"
    sent = post(browser, address, {"content": "Trace me", "stream": False})
    traced = sent.headers["X-Request-ID"]
    wait_until(lambda: any("traced." in m["content"] for m in _thread(browser, place, chat)) or None)
    assert traced in (place.folder / "access.log").read_text()
    assert [line["status"] for line in _lines(app, "web") if line["request_id"] == traced] == [201]
    wait_until(lambda: [line for line in _lines(app, "llm") if line["request_id"] == traced] or None)
    [call] = [call for call in app.ollama.chats if "Trace me" in str(call.body)]
    assert {name.lower(): value for name, value in call.headers.items()}["x-request-id"] == traced


def _thread(browser: requests.Session, place: Place, chat: int) -> list[dict[str, Any]]:
    thread: list[dict[str, Any]] = browser.get(f"{place.url}/api/chats/{chat}").json()["messages"]
    return thread


def _lines(app: App, name: str) -> list[dict[str, Any]]:
    """Return the JSON lines that processes of that kind have logged."""
    paths = [path for path in app.folder.glob("*.log") if path.stem.rstrip("2") == name]
    texts = [line for path in paths for line in path.read_text().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in texts]


def test_nginx_sends_a_picture_to_whom_the_app_lets_see_it(
    app: App, browser: requests.Session, place: Place
) -> None:
    app.ollama.default = Script(tokens=['{"prompt": "A red fox."}'])
    order = {"description": "a red fox", "wait": True, "width": 256, "height": 256}
    drawn = post(browser, f"{place.url}/api/image/generate", order)
    assert drawn.ok, drawn.text
    url = drawn.json()["images"][0]["url"]
    path = url[url.index("/media/") :]
    shown = browser.get(place.url + path)
    assert shown.status_code == 200
    assert shown.content.startswith(b"\x89PNG")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in shown.headers["Content-Security-Policy"]

    told = requests.get(app.url + path, cookies={"sessionid": browser.cookies["sessionid"]}, timeout=5)
    assert told.content == b""  # the app itself sends no byte of it
    kept = told.headers["X-Accel-Redirect"]
    assert kept.startswith("/_pictures/")
    assert browser.get(place.url + kept).status_code == 404
    assert (
        requests.get(place.url + path, verify=place.certificate, allow_redirects=False, timeout=5).status_code
        == 302
    )
    bob = app.person("bob")
    headers = {"Cookie": f"sessionid={bob.session}"}
    assert (
        requests.get(place.url + path, verify=place.certificate, headers=headers, timeout=5).status_code
        == 404
    )


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/_pictures/",
        "/_pictures/../db.sqlite3",
        "/_pictures/..%2fdb.sqlite3",
        "/_pictures../db.sqlite3",
        "/static/../../db.sqlite3",
        "/static/..%2f..%2fdb.sqlite3",
    ],
)
def test_what_is_not_for_the_network_is_not_there(app: App, place: Place, path: str) -> None:
    """The path goes out as it stands here: clients would tidy its dots away."""
    trust = ssl.create_default_context(cafile=place.certificate)
    connection = HTTPSConnection("localhost", place.https, timeout=20, context=trust)
    connection.putrequest("GET", path)
    connection.endheaders()
    assert connection.getresponse().status in (400, 404)
    connection.close()


def test_a_foreign_host_name_and_a_forged_address_get_nowhere(
    app: App, browser: requests.Session, place: Place
) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert browser.get(f"{place.url}/accounts/login/", headers=headers).status_code == 400


def test_a_body_that_is_too_large_ends_at_nginx(browser: requests.Session, place: Place) -> None:
    headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": place.url}
    sent = browser.post(f"{place.url}/api/image/upload", data=b"0" * (43 * 2**20), headers=headers)
    assert sent.status_code == 413


def test_static_files_come_from_nginx(browser: requests.Session, place: Place) -> None:
    page = browser.get(f"{place.url}/").text
    address = page[page.index("/static/") :].split('"')[0]
    found = browser.get(place.url + address)
    assert found.status_code == 200
    assert "X-Request-ID" not in found.headers  # no process of ours was asked


def test_one_time_links_stand_in_no_log(app: App, browser: requests.Session, place: Place) -> None:
    secret = "Zk3qv8W1yB2mN4pL6rT9uX0cE5aD7fGhJkQwErTyUiO"
    browser.get(f"{place.url}/link/{secret}/")
    browser.get(f"{place.url}/join/{secret}")
    wait_until(lambda: ('"/link/...' in (place.folder / "access.log").read_text()) or None)
    for path in [*app.folder.glob("*.log"), place.folder / "access.log"]:
        assert secret not in path.read_text(), path.name


def test_the_death_of_one_web_process_costs_nobody_anything(
    app: App, browser: requests.Session, place: Place
) -> None:
    app.kill("web2", hold=True)
    assert {browser.get(f"{place.url}/api/chats").status_code for _ in range(6)} == {200}
    app.release("web2")


def test_doctor_finds_nothing_that_stops_people_here(app: App) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=Path(__file__).parents[2],
        env=app.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = {finding["anchor"] for finding in json.loads(ran.stdout)["findings"] if finding["level"] == "fail"}
    assert told == set(), ran.stdout
