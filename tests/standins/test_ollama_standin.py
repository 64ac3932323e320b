"""The scripted Ollama against the traffic of a real one, and each of its faults from the client's side."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.standins.captures import Answer, captured, names, parse, post, replayed, shape
from tests.standins.ollama import ScriptedOllama
from tests.standins.ollama_script import Fault, Script, echo

MODEL = "smollm2:135m"
SAME_TO_THE_BYTE = names("""
00-root 01-version 03-ps-empty 05-show-missing 16-think-on-nonthinking-400 17-images-on-nonvision-nostream
18-tools-on-nontools-400 19-chat-empty-model 19-chat-missing-model-404 19-generate-missing-model-404
20-chat-bad-json 20-chat-empty-body 20-method-not-allowed 20-unknown-path 21-w-unload-missing-model
""")
SAME_SHAPE = names("""
02-tags 03-unload-generate 06-chat-stream-cold-load 06-ps-loaded 07-chat-nostream 08-chat-multiturn-stream
09-chat-schema-nostream 09-chat-schema-stream 10-chat-json-mode 16-think-false-on-nonthinking
21-a-load-only-empty-messages 21-d-generate-unload 21-e-ps-right-after-unload 21-h-generate-load-only
21-o-keepalive-minus1 21-p-ps-forever
""")


@pytest.fixture(scope="module")
def shared() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running:
        yield running


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as running:
        yield running


def chat(content: str = "Привет, мир", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **more}


def ask(ollama: ScriptedOllama, path: str = "/api/chat", **more: Any) -> Answer:
    body = {"model": MODEL, **more} if path != "/api/chat" or "messages" in more else chat(**more)
    with post(ollama.url, path, body) as client:
        return parse(read_all(client))


def read_all(client: Any) -> bytes:
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def loaded(ollama: ScriptedOllama) -> list[str]:
    return [entry["name"] for entry in replayed("03-ps-empty", ollama.url).lines[0]["models"]]


@pytest.mark.parametrize("name", SAME_TO_THE_BYTE)
def test_answers_the_same_bytes_as_ollama(shared: ScriptedOllama, name: str) -> None:
    ours, real = replayed(name, shared.url), captured(name)
    assert (ours.status, ours.framing[0], ours.body) == (real.status, real.framing[0], real.body)


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_answers_in_the_same_shape_as_ollama(shared: ScriptedOllama, name: str) -> None:
    ours, real = replayed(name, shared.url), captured(name)
    assert (ours.status, ours.framing, ours.shapes) == (real.status, real.framing, real.shapes)


def test_thinking_comes_before_the_answer_in_ollamas_shape(ollama: ScriptedOllama) -> None:
    ollama.default = Script(thinking=["Let", " me", " see."], tokens=["Rome"])
    assert ask(ollama, model="smollm2-think:135m").shapes == captured("15-think-stream").shapes
    whole = ask(ollama, model="smollm2-think:135m", stream=False).lines[0]
    assert shape(whole) == shape(captured("15-think-nostream").lines[0])
    assert (whole["message"]["thinking"], whole["message"]["content"]) == ("Let me see.", "Rome")


def test_shows_what_a_client_reads_of_a_model(ollama: ScriptedOllama) -> None:
    ours, real = replayed("04-show", ollama.url).lines[0], captured("04-show").lines[0]
    assert list(ours) == list(real)
    assert ours["model_info"].items() <= real["model_info"].items()


def test_an_answer_names_its_own_question_only(ollama: ScriptedOllama) -> None:
    first, second = ask(ollama, content="one"), ask(ollama, content="two")
    assert first.text == echo(chat("one")["messages"]) != second.text
    assert first.text.startswith("You said: one [")


def test_an_interrupted_answer_is_continued_where_it_stopped(ollama: ScriptedOllama) -> None:
    whole = ask(ollama, content="a longer question").text
    begun = [*chat("a longer question")["messages"], {"role": "assistant", "content": whole[:12]}]
    assert whole[:12] + ask(ollama, messages=begun).text == whole


def test_format_is_obeyed(ollama: ScriptedOllama) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "n": {"type": "integer", "minimum": 3}},
    }
    assert json.loads(ask(ollama, content="Море", format=schema).text) == {"title": "Море", "n": 3}


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Fault.NOT_FOUND, 404, "model 'smollm2:135m' not found"),
        (Fault.SERVER_ERROR, 500, "an error was encountered"),
        (Fault.QUEUE_FULL, 503, captured("35-queue-cold-max1-2").lines[0]["error"]),
        (Fault.CONTEXT, 400, captured("26-ctx-overflow-truncate-false").lines[0]["error"]),
    ],
)
def test_a_refusal_has_its_status_and_sentence(
    ollama: ScriptedOllama, fault: Fault, status: int, text: str
) -> None:
    ollama.script(Script(fault=fault))
    answer = ask(ollama)
    assert answer.status == status
    assert answer.lines[0]["error"].startswith(text)
    assert ask(ollama).status == 200


def test_a_foreign_host_gets_403_and_no_body(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.FORBIDDEN))
    answer, real = ask(ollama), captured("32-foreign-host-403")
    assert (answer.status, answer.body, answer.framing) == (real.status, real.body, real.framing)


def test_a_prompt_past_the_window_is_refused_only_with_truncate_false(ollama: ScriptedOllama) -> None:
    many = chat("word " * 4000, options={"num_ctx": 1024})
    assert "exceed_context_size_error" in ask(ollama, truncate=False, **many).lines[0]["error"]
    assert ask(ollama, **many).lines[-1]["done"]


@pytest.mark.parametrize("fault", [Fault.CLOSE, Fault.HALF_LINE, Fault.HALF_LINE_END])
def test_an_answer_may_break_off(ollama: ScriptedOllama, fault: Fault) -> None:
    ollama.script(Script(fault=fault))
    answer = ask(ollama)
    whole = answer.body.splitlines(keepends=True)
    assert answer.ended is (fault is Fault.HALF_LINE_END)
    assert [line.endswith(b"}\n") for line in whole] == [True, True] + [False] * (fault is not Fault.CLOSE)


def test_a_reset_reaches_the_client_as_a_reset(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.RESET))
    with post(ollama.url, "/api/chat", chat()) as client, pytest.raises(ConnectionResetError):
        read_all(client)


def test_an_error_line_under_200_is_the_last_one(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.ERROR_LINE))
    answer = ask(ollama)
    assert (answer.status, answer.ended) == (200, True)
    assert answer.lines[-1] == captured("31-runner-crash-midstream").lines[-1]


def test_a_clean_end_may_lack_its_done(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.NO_DONE))
    ollama.script(Script(fault=Fault.NO_DONE))
    answer = ask(ollama)
    assert (answer.ended, [line["done"] for line in answer.lines]) == (True, [False] * len(answer.lines))
    assert shape(ask(ollama, stream=False).lines[0]) == shape(captured("33-repeat-ha-nostream").lines[0])


def test_garbage_is_no_http_and_a_garbage_line_no_json(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.GARBAGE))
    ollama.script(Script(fault=Fault.GARBAGE_LINE))
    with post(ollama.url, "/api/chat", chat()) as client:
        assert not read_all(client).startswith(b"HTTP/")
    assert ask(ollama).body.splitlines()[2].startswith(b"<html>")


@pytest.mark.parametrize("fault", [Fault.SPLIT_UTF8, Fault.COALESCED, Fault.DRIP])
def test_odd_packets_carry_the_same_text(ollama: ScriptedOllama, fault: Fault) -> None:
    ollama.script(Script(fault=fault))
    answer = ask(ollama)
    assert (answer.text, answer.lines[-1]["done"]) == (echo(chat()["messages"]), True)


def test_letters_are_really_split_and_lines_really_joined(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.SPLIT_UTF8, tokens=["Ж"]))
    ollama.script(Script(fault=Fault.COALESCED))
    with requests.post(f"{ollama.url}/api/chat", json=chat(), stream=True, timeout=30) as response:
        parts = list(response.iter_content(None))
    with pytest.raises(UnicodeDecodeError):
        parts[0].decode()
    with requests.post(f"{ollama.url}/api/chat", json=chat(), stream=True, timeout=30) as response:
        assert len(list(response.iter_content(None))) == 1


def test_silence_lasts_as_long_as_asked(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.SILENT, seconds=1.0))
    ollama.script(Script(fault=Fault.STALL, seconds=1.0))
    for _ in range(2):
        started = time.monotonic()
        with post(ollama.url, "/api/chat", chat()) as client:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                read_all(client)
            client.settimeout(30)
            assert b'"done":true' in read_all(client)
        assert time.monotonic() - started >= 1.0


def test_a_model_may_ignore_the_format(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.IGNORES_FORMAT))
    assert ask(ollama, format="json").text.startswith("You said")
    ollama.script(Script(tokens=["Sure: ", '{"a": 1}', " Enjoy!"]))
    assert ask(ollama, format="json").text == 'Sure: {"a": 1} Enjoy!'


def test_a_script_can_be_kept_for_the_request_it_is_meant_for(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=["mine"]), when=lambda call: "format" not in call.body)
    assert ask(ollama, format="json").text == "{}"
    assert ask(ollama).text == "mine"


def test_a_hang_up_is_noted_with_its_time(ollama: ScriptedOllama) -> None:
    ollama.default = Script(rate=20, first_byte_after=0.1)
    with post(ollama.url, "/api/chat", chat("a b c d e f g h i j " * 40)) as client:
        client.recv(1)
        closing = time.time()
    ollama.wait_for(lambda: ollama.chats[0].closed_at and not ollama.running)
    assert closing <= (ollama.chats[0].closed_at or 0) <= time.time()
    assert not ollama.chats[0].finished


def test_a_client_that_is_killed_is_computed_for_no_more(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=["one ", "two "] * 2000, rate=50))
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}).encode()
    with socket.create_connection(("127.0.0.1", int(ollama.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        client.recv(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # ends with a reset
    ollama.wait_for(lambda: ollama.running == 0)
    assert ollama.intervals[-1].end


def test_requests_are_kept_and_concurrency_counted(ollama: ScriptedOllama) -> None:
    ollama.default = Script(hold_at=0)
    clients = [post(ollama.url, "/api/chat", chat(str(number))) for number in range(3)]
    ollama.wait_for(lambda: ollama.running == 3)
    ollama.default.hold_at = None
    for client in clients:
        with client:
            read_all(client)
    assert ollama.most_running == 3
    assert sorted(call.body["messages"][0]["content"] for call in ollama.chats) == ["0", "1", "2"]


def test_with_one_slot_the_others_wait_without_a_byte(ollama: ScriptedOllama) -> None:
    held = Script(hold_at=0)
    ollama.script(held)
    ollama.slots = 1
    with post(ollama.url, "/api/chat", chat()) as first:
        ollama.wait_for(lambda: ollama.running)
        with post(ollama.url, "/api/chat", chat()) as second:
            second.settimeout(0.1)
            with pytest.raises(TimeoutError):
                second.recv(1)
            held.hold_at = None
            read_all(first)
            second.settimeout(30)
            assert b'"done":true' in read_all(second)
    assert ollama.most_running == 1


def test_models_load_stay_and_leave_as_in_ollama(ollama: ScriptedOllama) -> None:
    ask(ollama, options={"num_ctx": 2048})
    ask(ollama, options={"num_ctx": 2048}, keep_alive="10m")
    ask(ollama, options={"num_ctx": 4096})
    assert [(name, num_ctx) for _, name, num_ctx, _ in ollama.loads] == [(MODEL, 2048), (MODEL, 4096)]
    assert loaded(ollama) == [MODEL]
    ask(ollama, "/api/generate", keep_alive=0)
    assert loaded(ollama) == []


def test_an_unload_during_an_answer_waits_for_its_end(ollama: ScriptedOllama) -> None:
    ollama.default = Script(hold_at=1)
    with post(ollama.url, "/api/chat", chat("a b c d")) as client:
        client.recv(1)
        ask(ollama, "/api/generate", keep_alive=0)
        assert loaded(ollama) == [MODEL]
        ollama.default.hold_at = None
        read_all(client)
    assert loaded(ollama) == []


def test_a_pull_shows_progress_and_brings_the_model(ollama: ScriptedOllama) -> None:
    ollama.pull_seconds = 0.0
    answer = ask(ollama, "/api/pull", model="new:1b")
    real = captured("34-pull-success-stream-loopback-registry")
    assert (answer.shapes, answer.lines[-1]) == (real.shapes, real.lines[-1])
    assert "new:1b" in [model["name"] for model in replayed("02-tags", ollama.url).lines[0]["models"]]
    ollama.pull_error = "file does not exist"
    assert ask(ollama, "/api/pull", model="x:1b").lines[-1] == {
        "error": "pull model manifest: file does not exist"
    }


def test_it_dies_and_comes_back_on_its_port(ollama: ScriptedOllama) -> None:
    ollama.default = Script(hold_at=1)
    with post(ollama.url, "/api/chat", chat("a b c d e f")) as client:
        client.recv(1)
        ollama.stop()
        assert b"0\r\n\r\n" not in client.recv(65536)
    with pytest.raises(ConnectionRefusedError):
        post(ollama.url, "/api/chat", chat())
    ollama.start()
    ollama.default = Script()
    assert ask(ollama).lines[-1]["done"]


def test_timed_tokens_carry_the_moment_they_left(ollama: ScriptedOllama) -> None:
    ollama.default = Script(timed=True, count=20, rate=100)
    started = time.time()
    moments = [float(moment) for moment in ask(ollama).text.split()]
    assert len(moments) == 20
    assert started < moments[0] < moments[-1] < time.time()
    assert moments[-1] - started > 0.15
