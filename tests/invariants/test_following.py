"""Any page of the same person joins a running answer; a stranger learns nothing."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.invariants.pages import Page
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.processes
WHOLE = "".join(f"w{n} " for n in range(60))


def test_a_second_page_shows_the_whole_text_and_goes_on_live(app: App, alice: Person) -> None:
    app.ollama.default.rate = 10
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as first, Page(app, alice) as second:
        first.join(answer)
        first.hear_words(answer, 10)
        second.join(answer)
        second.hear_words(answer, 10)
        assert second.text[answer].startswith("w0 w1 w2 ")
        assert answer not in second.ended
        app.ollama.default.rate = None
        assert second.hear_end(answer)["status"] == "complete"
        first.hear_end(answer)
        assert first.text[answer] == second.text[answer] == WHOLE
    assert app.answer(alice, chat, answer)["content"] == WHOLE


def test_a_dropped_socket_leaves_no_gap_and_no_double_token(app: App, alice: Person) -> None:
    app.ollama.default.rate = 10
    _chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 10)
        page.drop()
        time.sleep(0.8)
        page.open()
        shown = len(page.frames)
        page.join(answer)
        app.ollama.default.rate = None
        page.hear_end(answer)
        assert page.text[answer] == WHOLE
        assert page.frames[shown]["offset"] > 0, "what had been seen came again"


@pytest.mark.long
def test_ten_seconds_without_a_socket_leave_no_gap(app: App, alice: Person) -> None:
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(200)], rate=15)
    _chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 10)
        page.drop()
        time.sleep(10)
        page.open()
        page.join(answer)
        page.hear_end(answer)
        assert page.text[answer] == "".join(f"w{n} " for n in range(200))


def test_a_stranger_gets_nothing_and_learns_nothing(app: App, alice: Person, bob: Person) -> None:
    app.ollama.default.rate = 10
    chat, answer = app.send(alice, "a secret")
    with Page(app, bob) as page:
        page.join(answer)
        refused = page.hear()
        page.join(10_000_000)
        absent = page.hear()
        assert refused
        assert absent
        assert {**refused, "id": 0} == {**absent, "id": 0}
        page.say(op="stop", kind="message", id=answer)
        assert page.hear(1) is None
    app.ollama.default.rate = None
    assert app.wait_for_answer(alice, chat, answer)["status"] == "complete"
    assert app.call(bob, f"/api/chats/{chat}").status_code == 404
    assert app.call(bob, f"/api/chats/{chat}/messages", {"content": "hi"}).status_code == 404
    assert app.call(bob, f"/api/chats/{chat}/messages/{answer}/events").status_code == 404


def test_a_socket_that_was_idle_for_twelve_seconds_still_works(app: App, alice: Person) -> None:
    with Page(app, alice) as page:
        page.say(op="join", kind="user", id=0, after="0")
        time.sleep(12)
        _chat, answer = app.send(alice, "hello")
        page.hear_until(lambda: any(frame["type"] == "answer" for frame in page.frames))
        page.join(answer)
        assert page.hear_end(answer)["status"] == "complete"


def test_who_joins_after_the_end_gets_all_of_it(app: App, alice: Person) -> None:
    chat, answer = app.send(alice, "hello")
    app.wait_for_answer(alice, chat, answer)
    with Page(app, alice) as page:
        page.join(answer)
        assert page.hear_end(answer)["status"] == "complete"
        assert page.text[answer] == WHOLE


def test_a_page_that_is_not_signed_in_is_turned_away(app: App) -> None:
    nobody = Person("nobody", 0, "no-such-session", "")
    with Page(app, nobody) as page:
        page.hear()
        assert page.socket.close_code == 4401


def test_rubbish_on_the_socket_is_answered_and_harms_nothing(app: App, alice: Person) -> None:
    with Page(app, alice) as page:
        for rubbish in (
            "",
            "[]",
            "{",
            '{"op":"join","kind":"message","id":{}}',
            '{"op":"join","kind":["a"]}',
        ):
            page.socket.send(rubbish)
            refused = page.hear()
            assert refused
            assert refused["code"] == "invalid"
        page.socket.send(b"\xff\x00")
        assert page.hear()
        _chat, answer = app.send(alice, "hello")
        page.join(answer)
        assert page.hear_end(answer)["status"] == "complete"


def texts(lines: list[str]) -> str:
    """Return the words that these events tell."""
    frames = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return "".join(frame["text"] for frame in frames if frame["type"] == "text")


def test_events_stream_to_scripts_and_resume_where_they_were(app: App, alice: Person) -> None:
    chat = app.call(alice, "/api/chats", {}).json()["id"]
    with app.call(
        alice, f"/api/chats/{chat}/messages/", {"content": "hello", "stream": True}, stream=True
    ) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines(decode_unicode=True)
        seen = [line for line in (next(lines) for _ in range(40)) if line]
    while not seen[-1].startswith("data: "):
        seen.pop()  # half an event
    last = [line[4:] for line in seen if line.startswith("id: ")][-1]
    answer = app.call(alice, f"/api/chats/{chat}").json()["messages"][-1]["id"]
    url = f"{app.url}/api/chats/{chat}/messages/{answer}/events"
    headers = {"Authorization": f"Bearer {alice.token}", "Last-Event-ID": last}
    resumed = requests.get(url, headers=headers, timeout=30).text.splitlines()
    assert resumed.count("event: end") == 1
    assert texts(seen) + texts(resumed) == WHOLE
    assert app.wait_for_answer(alice, chat, answer)["content"] == WHOLE
