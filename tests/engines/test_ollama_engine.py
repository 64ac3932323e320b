"""What the app relies on in the embedded engine, beyond the shape of its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from gpu.engines.ollama.label import ENGLISH, RUSSIAN
from tests.engines.conftest import Engine, running_engine
from tests.standins.captures import Answer, captured, parse, post, replayed

MODEL = "smollm2:135m"


def ask(engine: Engine, path: str = "/api/chat", **body: Any) -> Answer:
    with post(engine.url, path, {"model": MODEL, **body}) as client:
        data = b""
        while part := client.recv(65536):
            data += part
    return parse(data)


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def short(**more: Any) -> dict[str, Any]:
    return {"temperature": 0, "num_predict": 4, **more}


def unload(engine: Engine) -> None:
    ask(engine, "/api/generate", keep_alive=0)


def loaded(engine: Engine) -> list[Any]:
    models: list[Any] = replayed("03-ps-empty", engine.url).lines[0]["models"]
    return models


def wait_until(true: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def long_answer(engine: Engine, **body: Any) -> Any:
    options = {"num_predict": 2000, "seed": 1}
    return post(
        engine.url,
        "/api/chat",
        {"model": MODEL, "messages": [user("Tell a long story")], "options": options} | body,
    )


def cpu(engine: Engine) -> float:
    times = engine.children[0].cpu_times()
    return float(times.user + times.system)


def is_calm(engine: Engine) -> bool:
    """Return whether the engine computes next to nothing for 0.3 s."""
    before = cpu(engine)
    time.sleep(0.3)
    return cpu(engine) - before < 0.05


def test_a_stream_sends_its_headers_with_the_first_token_and_each_token_by_itself(engine: Engine) -> None:
    with long_answer(engine) as client:
        reads = [client.recv(65536) for _ in range(6)]
    assert reads[0].startswith(b"HTTP/1.1 200 OK")
    assert b'"done":false' in reads[0]
    assert max(read.count(b'"done":false') for read in reads) <= 2


def test_an_answer_obeys_a_schema(engine: Engine) -> None:
    colours = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 2, "maxItems": 2}
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}, "colours": colours},
        "required": ["age", "colours"],
        "additionalProperties": False,
    }
    answer = ask(engine, messages=[user("Who?")], format=schema, options={"num_predict": 200, "seed": 3})
    value = json.loads(answer.text)
    assert isinstance(value["age"], int)
    assert set(value["colours"]) <= {"red", "green"}
    assert sorted(value) == ["age", "colours"]


def test_a_last_message_of_the_assistant_is_continued(engine: Engine) -> None:
    messages = [user("Name three colours."), assistant("1. Red\n2.")]
    answer = ask(engine, messages=messages, options={"temperature": 0, "num_predict": 8})
    assert answer.text.startswith(" Blue\n3. Green")


def test_russian_letters_are_never_broken(engine: Engine) -> None:
    messages = [user("Привет! Расскажи о море."), assistant("Море это")]
    answer = ask(engine, messages=messages, options={"temperature": 0.8, "seed": 4, "num_predict": 80})
    assert "\ufffd" not in answer.text
    assert sum("\u0400" <= letter <= "\u04ff" for letter in answer.text.removesuffix(RUSSIAN)) > 20


def test_stop_words_end_an_answer_and_do_not_show(engine: Engine) -> None:
    options = {"temperature": 0, "num_predict": 24, "stop": ["Blue"]}
    answer = ask(engine, messages=[user("Name three colours.")], stream=False, options=options)
    assert answer.lines[0]["message"]["content"].startswith("1. Red\n2. \n\n---")
    assert answer.lines[0]["done_reason"] == "stop"


@pytest.mark.parametrize(("question", "label"), [("Hi", ENGLISH), ("Привет", RUSSIAN)])
def test_a_free_answer_says_that_a_toy_wrote_it(engine: Engine, question: str, label: str) -> None:
    answer = ask(engine, messages=[user(question)], options=short())
    assert answer.text.endswith(f"\n\n---\n{label}")
    assert answer.lines[-1]["eval_count"] == 4


def test_the_label_is_not_repeated_for_five_turns_and_the_model_never_reads_it(engine: Engine) -> None:
    plain = [user("Hi"), assistant("Hello"), user("Hi")]
    labelled = [user("Hi"), assistant(f"Hello\n\n---\n{ENGLISH}"), user("Hi")]
    first = ask(engine, messages=plain, options=short())
    second = ask(engine, messages=labelled, options=short())
    assert (ENGLISH in first.text, ENGLISH in second.text) == (True, False)
    assert first.lines[-1]["prompt_eval_count"] == second.lines[-1]["prompt_eval_count"]
    later = labelled + [assistant("Yes"), user("And?")] * 5
    assert ENGLISH in ask(engine, messages=later, options=short()).text


@pytest.mark.parametrize("body", [{"format": "json"}, {"format": {"type": "object"}}])
def test_a_structured_answer_carries_no_label(engine: Engine, body: dict[str, Any]) -> None:
    assert "---" not in ask(engine, messages=[user("Hi")], options=short(), **body).text


def test_a_prompt_past_the_window_loses_its_oldest_turns_then_its_middle(engine: Engine) -> None:
    options = short(num_ctx=256)
    turns = [user("word " * 60), assistant("ok")] * 6
    cut = ask(
        engine, messages=[{"role": "system", "content": "Be brief."}, *turns, user("Hi")], options=options
    )
    assert 150 < cut.lines[-1]["prompt_eval_count"] < 256
    halved = ask(engine, messages=[user("word " * 300)], options=options)
    assert halved.lines[-1]["prompt_eval_count"] == 4 + (256 - 4) // 2


def test_a_hang_up_stops_the_computation(engine: Engine) -> None:
    with long_answer(engine) as client:
        client.recv(65536)
    wait_until(lambda: is_calm(engine))


def test_a_hang_up_while_the_prompt_is_read_stops_the_computation(engine: Engine) -> None:
    with long_answer(engine, messages=[user("word " * 4000)]):
        wait_until(lambda: engine.children)
        time.sleep(0.7)
    wait_until(lambda: is_calm(engine))


def test_one_answer_at_a_time_and_the_others_wait_without_a_byte(engine: Engine) -> None:
    with long_answer(engine) as running:
        running.recv(65536)
        with long_answer(engine) as waiting:
            waiting.settimeout(0.3)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
        last = post(engine.url, "/api/chat", {"model": MODEL, "messages": [user("Hi")], "options": short()})
    with last:
        assert last.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_unloading_frees_the_memory(engine: Engine) -> None:
    ask(engine, messages=[user("Hi")], options=short())
    assert engine.megabytes > 150  # less when another engine shares its pages
    unload(engine)
    assert (engine.children, loaded(engine)) == ([], [])
    assert engine.megabytes < 60


def test_an_unload_during_an_answer_happens_after_it(engine: Engine) -> None:
    with long_answer(engine, options={"num_predict": 60, "seed": 1}) as client:
        client.recv(65536)
        unload(engine)
        assert [model["name"] for model in loaded(engine)] == [MODEL]
        data = b""
        while part := client.recv(65536):
            data += part
    assert b'"done":true' in data
    assert loaded(engine) == []


def test_an_idle_model_leaves_after_keep_alive(engine: Engine) -> None:
    ask(engine, messages=[user("Hi")], options=short(), keep_alive="1500ms")
    assert loaded(engine)
    wait_until(lambda: not loaded(engine))
    assert engine.children == []


def test_keep_alive_sticks_to_the_loaded_model(engine: Engine) -> None:
    ask(engine, messages=[user("Hi")], options=short(), keep_alive=-1)
    ask(engine, messages=[user("Hi")], options=short())
    assert loaded(engine)[0]["expires_at"].startswith("23")
    unload(engine)


def test_another_num_ctx_reloads_the_model(engine: Engine) -> None:
    ask(engine, messages=[], options={"num_ctx": 512})
    first = engine.children[0].pid
    ask(engine, messages=[], options={"num_ctx": 512})
    assert engine.children[0].pid == first
    ask(engine, messages=[], options={"num_ctx": 99999})
    assert engine.children[0].pid != first
    assert loaded(engine)[0]["context_length"] == 8192


def test_a_crash_of_the_model_is_an_error_line_and_the_next_request_loads_it_again(engine: Engine) -> None:
    with long_answer(engine) as client:
        data = client.recv(65536)
        engine.children[0].kill()
        while part := client.recv(65536):
            data += part
    assert parse(data).lines[-1] == captured("31-runner-crash-midstream").lines[-1]
    assert ask(engine, messages=[user("Hi")], options=short()).lines[-1]["done"]


def test_a_hang_up_during_the_load_ends_the_load(engine: Engine) -> None:
    unload(engine)
    with long_answer(engine):
        wait_until(lambda: engine.children)
    wait_until(lambda: not engine.children)
    assert loaded(engine) == []


def test_it_answers_before_its_model_is_loaded_and_a_first_token_follows() -> None:
    with running_engine() as fresh:
        assert replayed("00-root", fresh.url).status == 200
        assert fresh.children == []
        with long_answer(fresh) as client:
            assert client.recv(1)


def test_two_slots_compute_two_answers_at_once() -> None:
    with running_engine("--num-parallel", "2") as fresh, long_answer(fresh) as one, long_answer(fresh) as two:
        assert one.recv(10)
        assert two.recv(10)
        assert loaded(fresh)[0]["context_length"] == 4096


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_no_child_outlives_it_however_it_ends(end: str) -> None:
    with running_engine() as fresh:
        ask(fresh, messages=[])
        child: psutil.Process = fresh.children[0]
        getattr(fresh.process, end)()
        child.wait(20)
        assert not child.is_running()


@pytest.mark.parametrize(
    "schema", [{"properties": []}, {"type": {}}, {"anyOf": 1, "type": ["string", 5]}, [], 3]
)
def test_a_senseless_schema_is_an_error_and_not_a_crash(engine: Engine, schema: Any) -> None:
    answer = ask(engine, messages=[user("Hi")], format=schema, options=short(), stream=False)
    assert next(iter(answer.lines[0])) in ("error", "model")


def test_a_second_one_on_the_same_port_says_so_in_one_line(engine: Engine) -> None:
    command = [sys.executable, "-m", "gpu.engines.ollama", "--port", engine.url.rsplit(":", 1)[1]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "in use" in ended.stderr
