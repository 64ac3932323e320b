"""Whatever is killed, what was said is kept and what was asked is answered."""

from __future__ import annotations

import time

import pytest
import requests

from tests.invariants.pages import Page
from tests.processes import App, Person, running_app, wait_until
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.processes
WHOLE = "".join(f"w{n} " for n in range(60))
AT_ONCE = 10.0  # seconds, on a busy machine; the answer itself takes three times as long


def long_answer() -> Script:
    """Return an answer that does not end before something has happened to it."""
    return Script(tokens=[f"w{n} " for n in range(600)], rate=20)


def test_a_killed_worker_loses_nothing_that_was_shown(app: App, alice: Person, bob: Person) -> None:
    app.ollama.script(long_answer())
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 12)
        app.kill("llm", hold=True)
        behind = app.send(bob, "I wait behind it")
        end = page.hear_end(answer)
        assert end == {**end, "status": "interrupted", "code": "worker_lost"}
        told = app.answer(alice, chat, answer)
        assert told["status"] == "interrupted"
        assert told["content"].startswith(page.text[answer])
        assert len(told["content"].split()) >= 12
        assert "continue" in told["error"]
        app.release("llm")
    assert app.wait_for_answer(bob, *behind)["content"] == WHOLE


def test_one_click_continues_an_interrupted_answer(app: App, alice: Person) -> None:
    app.ollama.default = Script(rate=20)
    question = " ".join(f"word{n}" for n in range(200))
    chat, answer = app.send(alice, question)
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 10)
        app.kill("llm")
        page.hear_end(answer)
    partial = app.answer(alice, chat, answer)["content"]
    app.ollama.default = Script(rate=1000)
    page_client = alice_browser(app, alice)
    moved = page_client.post(f"{app.url}/chats/{chat}/messages/{answer}/continue/", timeout=60)
    assert moved.status_code == 200, moved.text
    told = app.wait_for_answer(alice, chat, answer)
    assert told["status"] == "complete"
    assert told["content"].startswith(partial)
    assert told["content"].count("word199") == 1
    sent = app.ollama.chats[-1].body["messages"]
    assert sent[-1] == {"role": "assistant", "content": partial}


def test_a_worker_that_is_asked_to_go_marks_its_answers_at_once(app: App, alice: Person) -> None:
    app.ollama.script(long_answer())
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 8)
        asked = time.monotonic()
        app.terminate("llm")
        assert time.monotonic() - asked < AT_ONCE
        assert page.hear_end(answer)["status"] == "interrupted"
        assert app.answer(alice, chat, answer)["content"].startswith(page.text[answer])


@pytest.mark.parametrize("name", ["web", "upkeep", "redis"])
def test_any_other_process_may_die_in_mid_answer(app: App, alice: Person, name: str) -> None:
    chat, answer = app.send(alice, "hello")
    wait_until(lambda: (app.ollama.chats and app.ollama.chats[-1].tokens_sent > 8) or None)
    before = app.processes[name].pid
    app.kill(name)
    wait_until(lambda: app.processes[name].pid != before or None)
    app.ready()
    assert app.wait_for_answer(alice, chat, answer)["content"] == WHOLE


def test_redis_that_comes_back_empty_costs_nothing(app: App, alice: Person) -> None:
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(120)], rate=30)
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 10)
        app.kill("redis", hold=True)
        for left in app.folder.glob("appendonlydir/*"):
            left.unlink()
        app.release("redis")
        app.ready()
        whole = "".join(f"w{n} " for n in range(120))
        page.hear_end(answer)
        assert page.text[answer] == whole
        assert app.wait_for_answer(alice, chat, answer)["content"] == whole


def test_an_emptied_redis_is_noticed_too(app: App, alice: Person) -> None:
    chat, answer = app.send(alice, "hello")
    with Page(app, alice) as page:
        page.join(answer)
        page.hear_words(answer, 10)
        app.redis().flushall()
        page.hear_end(answer)
        assert page.text[answer] == WHOLE
    assert app.wait_for_answer(alice, chat, answer)["content"] == WHOLE


def test_a_send_while_redis_is_away_is_answered_when_it_is_back(app: App, alice: Person) -> None:
    chat = app.call(alice, "/api/chats", {}).json()["id"]
    app.kill("redis", hold=True)
    sent = app.call(alice, f"/api/chats/{chat}/messages", {"content": "kept?", "stream": False})
    app.release("redis")
    assert sent.status_code == 201, sent.text
    app.ready()
    assert app.wait_for_answer(alice, chat, sent.json()["answer"]["id"])["content"] == WHOLE


@pytest.mark.long
def test_with_the_real_timers_a_killed_worker_is_noticed_within_thirty_seconds() -> None:
    timers = {
        "ANSWER_HEARTBEAT": "5",
        "ANSWER_STALE": "15",
        "ANSWER_UNCLAIMED": "10",
        "ANSWER_CHECKPOINT": "1",
        "SWEEP_INTERVAL": "5",
    }
    with running_app(**timers) as app:
        app.ollama.default = Script(tokens=["x "] * 600, rate=10)
        alice = app.person("alice")
        _chat, answer = app.send(alice, "hello")
        with Page(app, alice) as page:
            page.join(answer)
            page.hear_words(answer, 5)
            killed = time.monotonic()
            app.kill("llm")
            assert page.hear_end(answer, 40)["status"] == "interrupted"
            assert time.monotonic() - killed < 30


def alice_browser(app: App, person: Person) -> requests.Session:
    """Return a browser session of the person's that may post."""
    browser = requests.Session()
    browser.cookies.set("sessionid", person.session)
    browser.cookies.set("csrftoken", "x" * 32)
    browser.headers.update({"X-CSRFToken": "x" * 32, "X-Requested-With": "fetch"})
    return browser
