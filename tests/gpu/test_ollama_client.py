from __future__ import annotations

import threading
import time

import pytest

from gpu.services import errors
from gpu.services.ollama import Ask, Numbers, Ollama, Piece, Stream, read_piece, translate, unwrap
from gpu.services.wire import HungUpError
from tests.standins.ollama import VERSION, ScriptedOllama
from tests.standins.ollama_script import Fault, Script

MODEL, THINKER = "smollm2:135m", "smollm2-think:135m"
WORDS = ["The ", "sky ", "is ", "blue, ", "мама, ", "🙂."]


def ask(**changes: object) -> Ask:
    given: dict[str, object] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Why?"}],
        "num_ctx": 2048,
        "keep_alive": "5m",
    }
    return Ask(**(given | changes))  # type: ignore[arg-type]


def stream(ollama: ScriptedOllama, **changes: object) -> Stream:
    return Ollama(ollama.url).answer(ask(**changes))


def read(ollama: ScriptedOllama) -> tuple[str, errors.ServiceError | None]:
    """Return the text that came and the error that ended it."""
    text = ""
    try:
        for piece in stream(ollama):
            text += piece.text
    except errors.ServiceError as error:
        return text, error
    return text, None


# --- What there is ------------------------------------------------------------------------------------


def test_the_version_is_read(ollama: ScriptedOllama) -> None:
    assert Ollama(ollama.url).version() == VERSION


def test_what_is_installed_is_read(ollama: ScriptedOllama) -> None:
    models = Ollama(ollama.url).models()
    assert [model.name for model in models] == list(ollama.models)
    first, wire = models[0], ollama.models[MODEL]
    assert (first.size, first.digest, first.family) == (wire.size, wire.digest, "llama")
    assert (first.parameters, first.quantization) == ("134.52M", "Q4_1")


def test_what_a_model_can_do_is_read(ollama: ScriptedOllama) -> None:
    shown = Ollama(ollama.url).show(THINKER)
    assert (shown.capabilities, shown.context_length) == (("completion", "thinking"), 8192)


def test_what_is_loaded_is_read_until_it_is_unloaded(ollama: ScriptedOllama) -> None:
    api = Ollama(ollama.url)
    assert api.loaded() == []
    api.complete(ask(), timeout=30)
    (loaded,) = api.loaded()
    assert (loaded.name, loaded.num_ctx) == (MODEL, 2048)
    assert loaded.size_vram == loaded.size > 0
    api.unload(MODEL)
    assert api.loaded() == []


# --- Answers ------------------------------------------------------------------------------------------


def test_an_answer_is_streamed_piece_by_piece_with_its_numbers_last(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=WORDS, thinking=["Hm. "]))
    *pieces, last = stream(ollama, model=THINKER, think=True)
    assert pieces == [Piece(thinking="Hm. "), *map(Piece, WORDS)]
    assert last.numbers is not None
    assert (last.text, last.numbers.tokens, last.numbers.done_reason) == ("", len(WORDS) + 1, "stop")
    assert last.numbers.seconds > 0


def test_what_is_asked_goes_over_the_wire(ollama: ScriptedOllama) -> None:
    list(stream(ollama, num_predict=64, options={"temperature": 0.2}))
    (call,) = ollama.chats
    assert call.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Why?"}],
        "stream": True,
        "think": False,
        "keep_alive": "5m",
        "truncate": False,
        "shift": False,
        "options": {"temperature": 0.2, "num_ctx": 2048, "num_predict": 64},
    }


def test_nothing_is_sent_before_the_stream_is_read(ollama: ScriptedOllama) -> None:
    stream(ollama)
    assert ollama.calls == []


def test_a_whole_answer_comes_at_once(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=WORDS))
    text, numbers = Ollama(ollama.url).complete(ask(), timeout=30)
    assert (text, numbers.tokens) == ("".join(WORDS), len(WORDS))


@pytest.mark.parametrize("fault", [None, Fault.SPLIT_UTF8, Fault.COALESCED, Fault.DRIP])
def test_the_packets_of_a_stream_make_no_difference(ollama: ScriptedOllama, fault: Fault | None) -> None:
    ollama.script(Script(tokens=WORDS, fault=fault))
    assert read(ollama) == ("".join(WORDS), None)


# --- Faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        (Fault.NOT_FOUND, errors.ModelMissingError, 0),
        (Fault.SERVER_ERROR, errors.ServiceError, 0),
        (Fault.QUEUE_FULL, errors.ServiceBusyError, 0),
        (Fault.FORBIDDEN, errors.ServiceRefusedError, 0),
        (Fault.CONTEXT, errors.ContextFullError, 0),
        (Fault.GARBAGE, errors.CutOffError, 0),
        (Fault.GARBAGE_LINE, errors.GarbledError, 3),
        (Fault.HALF_LINE_END, errors.GarbledError, 3),
        (Fault.RESET, errors.CutOffError, 3),
        (Fault.CLOSE, errors.CutOffError, 3),
        (Fault.HALF_LINE, errors.CutOffError, 3),
        (Fault.ERROR_LINE, errors.ModelFailedError, 3),
        (Fault.NO_DONE, errors.EndedEarlyError, 6),
    ],
)
def test_each_fault_is_its_own_error_and_loses_nothing_that_came(
    ollama: ScriptedOllama, fault: Fault, kind: type[errors.ServiceError], told: int
) -> None:
    ollama.script(Script(tokens=WORDS, fault=fault, after=3))
    text, error = read(ollama)
    assert type(error) is kind
    assert text == "".join(WORDS[:told])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.NOT_FOUND, errors.ModelMissingError),
        (Fault.SERVER_ERROR, errors.ServiceError),
        (Fault.QUEUE_FULL, errors.ServiceBusyError),
        (Fault.FORBIDDEN, errors.ServiceRefusedError),
        (Fault.CONTEXT, errors.ContextFullError),
    ],
)
def test_a_whole_answer_has_the_same_errors(
    ollama: ScriptedOllama, fault: Fault, kind: type[errors.ServiceError]
) -> None:
    ollama.script(Script(fault=fault))
    with pytest.raises(errors.ServiceError) as failed:
        Ollama(ollama.url).complete(ask(), timeout=30)
    assert type(failed.value) is kind


def test_a_missing_model_is_named(ollama: ScriptedOllama) -> None:
    with pytest.raises(errors.ModelMissingError) as failed:
        list(stream(ollama, model="gone:7b"))
    assert failed.value.about == {"model": "gone:7b"}
    with pytest.raises(errors.ModelMissingError):
        Ollama(ollama.url).show("gone:7b")


def test_nothing_that_answers_is_a_service_that_is_down(ollama: ScriptedOllama) -> None:
    ollama.stop()
    api = Ollama(ollama.url)
    calls = (
        api.version,
        api.models,
        api.loaded,
        lambda: api.show(MODEL),
        lambda: api.unload(MODEL),
        lambda: list(api.answer(ask())),
    )
    for call in calls:
        with pytest.raises(errors.ServiceDownError) as failed:
            call()
        assert failed.value.about == {"url": ollama.url}


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://127.0.0.1:99999"])
def test_an_address_that_is_none_is_an_error_of_the_service(url: str) -> None:
    with pytest.raises(errors.ServiceError):
        Ollama(url).version()
    with pytest.raises(errors.ServiceError):
        list(Ollama(url).answer(ask()))


def test_an_address_where_something_else_answers_misses_no_model(ollama: ScriptedOllama) -> None:
    with pytest.raises(errors.ServiceError, match="404 page not found") as failed:
        Ollama(ollama.url + "/elsewhere").version()
    assert type(failed.value) is errors.ServiceError


def test_an_answer_that_is_no_json_is_garbled(ollama: ScriptedOllama) -> None:
    ollama.script(Script(fault=Fault.GARBAGE))
    with pytest.raises(errors.ServiceError):
        Ollama(ollama.url).complete(ask(), timeout=30)


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"[]",
        b"3",
        b"null",
        b'"text"',
        b'{"message": 3}',
        b'{"message": {"content": 5}}',
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_not_ollamas_is_garbled(line: bytes) -> None:
    with pytest.raises(errors.GarbledError):
        read_piece(line)


@pytest.mark.parametrize(
    "line",
    [b'{"done": true, "eval_count": "many"}', b'{"done": true, "eval_duration": {"a": 1}}'],
)
def test_numbers_that_are_none_are_garbled(line: bytes) -> None:
    with pytest.raises(errors.GarbledError):
        read_piece(line)


def test_numbers_may_be_missing() -> None:
    assert read_piece(b'{"done": true}') == Piece(numbers=Numbers())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("plain", "plain"),
        ('{"error": {"message": "deep"}}', "deep"),
        ({"error": "deep"}, "deep"),
        ({"message": '{"error": "deeper"}'}, "deeper"),
        ("3", "3"),
        ("", ""),
        ({}, ""),
    ],
)
def test_the_sentence_of_an_error_is_found_however_deep(error: object, text: str) -> None:
    assert unwrap(error) == text


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"error": null}', b'{"error": 3}'])
@pytest.mark.parametrize("status", [400, 404, 500, 502])
def test_a_refusal_of_any_shape_is_an_error_of_the_service(status: int, body: bytes) -> None:
    assert type(translate(status, body)) is errors.ServiceError


# --- Hanging up ---------------------------------------------------------------------------------------


def hang_up_soon(asked: Stream, seconds: float = 0.2) -> None:
    threading.Timer(seconds, asked.hang_up).start()


@pytest.mark.parametrize("after", [0.2, 0.0])
def test_hanging_up_frees_a_read_that_waits_for_the_headers(ollama: ScriptedOllama, after: float) -> None:
    ollama.script(Script(fault=Fault.SILENT, seconds=60))
    asked = stream(ollama)
    if after:
        hang_up_soon(asked, after)
    else:
        asked.hang_up()
    began = time.monotonic()
    with pytest.raises(HungUpError):
        list(asked)
    assert time.monotonic() - began < 40


def test_hanging_up_in_mid_answer_ends_it_and_ollama_sees_that(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=WORDS, fault=Fault.STALL, after=2, seconds=30))
    asked = stream(ollama)
    pieces = iter(asked)
    assert [next(pieces).text, next(pieces).text] == WORDS[:2]
    hang_up_soon(asked)
    with pytest.raises(HungUpError):
        next(pieces)
    ollama.wait_for(lambda: ollama.chats[0].closed_at)


# A thousand tokens bring the garbage collector, which finds what the loop of an earlier test has left.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
def test_hanging_up_between_two_pieces_ends_the_answer(ollama: ScriptedOllama) -> None:
    ollama.script(Script(tokens=["w "] * 1000, rate=200))
    asked = stream(ollama)
    pieces = iter(asked)
    next(pieces)
    asked.hang_up()
    with pytest.raises(HungUpError):
        list(pieces)
    ollama.wait_for(lambda: ollama.chats[0].closed_at)


# --- Downloads ----------------------------------------------------------------------------------------


def test_a_download_is_told_as_it_goes(ollama: ScriptedOllama) -> None:
    told = list(Ollama(ollama.url).pull("new:1b"))
    assert told[0] == {"status": "pulling manifest"}
    completed = [event["completed"] for event in told if "completed" in event]
    assert completed == sorted(completed)
    assert completed[-1] == told[1]["total"]
    assert told[-1] == {"status": "success"}
    assert "new:1b" in ollama.models


def test_a_download_that_fails_says_why(ollama: ScriptedOllama) -> None:
    ollama.pull_error = "file does not exist"
    with pytest.raises(errors.ServiceError, match="file does not exist"):
        list(Ollama(ollama.url).pull("new:1b"))


def test_a_download_that_breaks_is_cut_off(ollama: ScriptedOllama) -> None:
    ollama.pull_seconds = 30
    events = iter(Ollama(ollama.url).pull("new:1b"))
    next(events)
    ollama.stop()
    with pytest.raises(errors.CutOffError):
        list(events)
