from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation

from chats import sentences
from chats.models import Message
from gpu.services import errors

ABOUT = {"url": "http://localhost:11434", "model": "smollm2:135m"}


def kinds(kind: type[errors.ServiceError] = errors.ServiceError) -> Iterator[type[errors.ServiceError]]:
    """Yield every error that Ollama can give; those of one service alone stand with its client."""
    if kind.__module__ == errors.__name__:
        yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:  # other services' own errors never end an answer
            yield from kinds(child)


def test_each_error_of_a_service_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in kinds() if "code" in vars(kind)]  # a closer look at one shares its code
    assert len(codes) > 9
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: str(kind.code))
def test_each_error_of_a_service_has_a_sentence(kind: type[errors.ServiceError]) -> None:
    assert sentences.explain("failed", kind.code, ABOUT) != sentences.explain("failed", "", {})


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("code", [*sentences.ERRORS, ""])
@pytest.mark.parametrize("status", Message.UNFINISHED)
@pytest.mark.parametrize("about", [ABOUT, {}])
def test_every_sentence_formats_in_every_language(
    language: str, code: str, status: str, about: dict[str, str]
) -> None:
    with translation.override(language):
        sentence = sentences.explain(status, code, about)
    assert sentence.endswith(".")
    assert "%(" not in sentence


@pytest.mark.parametrize("code", list(sentences.ERRORS))
def test_every_error_says_that_the_work_is_safe_and_what_to_do(code: str) -> None:
    sentence = str(sentences.ERRORS[code])
    assert "saved" in sentence or "kept" in sentence
    assert any(word in sentence for word in ("try again", "continue", "choose", "can set"))


def test_a_sentence_names_what_it_is_about() -> None:
    assert "at http://localhost:11434." in sentences.explain("failed", "service_down", ABOUT)
    assert "smollm2:135m is not installed" in sentences.explain("failed", "model_missing", ABOUT)


def test_a_value_with_a_per_cent_sign_is_a_value() -> None:
    assert "100%(url)s" in sentences.explain("failed", "model_missing", {"model": "100%(url)s"})


@pytest.mark.parametrize("status", [*Message.RUNNING, "complete"])
@pytest.mark.parametrize("code", ["", "service_down", "unheard_of"])
def test_an_answer_that_runs_or_is_complete_needs_no_sentence(status: str, code: str) -> None:
    assert sentences.explain(status, code, {}) == ""


@pytest.mark.parametrize("status", Message.UNFINISHED)
def test_an_unknown_code_falls_back_on_the_state(status: str) -> None:
    assert sentences.explain(status, "unheard_of", {}) == str(sentences.STATUSES[status])


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        ({}, []),
        ({"left_out": 0, "done_reason": "stop"}, []),
        ({"left_out": 1}, ["1 older message was not sent."]),
        ({"left_out": 7}, ["7 older messages were not sent."]),
        ({"done_reason": "length"}, ["The answer reached its greatest length; it can be continued."]),
    ],
)
def test_what_should_be_known_of_an_answer_is_said(numbers: dict[str, Any], lines: list[str]) -> None:
    assert sentences.notices(numbers) == lines


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        ({}, []),
        ({"first_token": 0.42}, [("first token", "0.4 s")]),
        ({"first_token": 12.3, "load": 9.96}, [("first token", "12 s"), ("loading", "10.0 s")]),
        ({"tokens": 200, "speed": 47.6}, [("tokens", "200"), ("speed", "48 tokens/s")]),
        ({"prompt_tokens": 812, "num_ctx": 8192}, [("context", "812 / 8192")]),
        ({"prompt_tokens": 812}, []),
    ],
)
def test_only_what_was_measured_is_shown(numbers: dict[str, Any], lines: list[tuple[str, str]]) -> None:
    assert sentences.number_lines(numbers) == lines


def test_seconds_are_written_as_the_language_writes_them() -> None:
    with translation.override("ru"):
        assert sentences.thought_line({"thinking": 3.44}) == "Размышляла 3,4 с"
