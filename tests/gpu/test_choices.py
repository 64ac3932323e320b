from __future__ import annotations

import pytest
from django.test import override_settings

from gpu.choices import CHAT, PROMPT, TITLE, VISION, model_for
from gpu.labels import label_of, with_labels
from gpu.models import LanguageModel, ModelChoice
from gpu.snapshot import READY, Known, Snapshot
from ollamachat import env

pytestmark = pytest.mark.django_db

A, B = Known("a:1b", 1, ("completion",)), Known("b:1b", 1, ("completion",))
SEES, EYES = Known("sees:1b", 1, ("completion", "vision")), Known("eyes:1b", 1, ("completion", "vision"))
EMBEDS = Known("embeds:1b", 1, ("embedding",))
SEEN = Snapshot(READY, models=(EMBEDS, A, B, SEES, EYES))


def choose(purpose: str, name: str) -> None:
    ModelChoice.objects.create(purpose=purpose, name=name)


@override_settings(OLLAMA_DEFAULT_MODEL="gone:1b", OLLAMA_VISION_MODEL="gone:1b")
def test_nobody_has_chosen_then_the_rules_hold() -> None:
    found = {purpose: model_for(purpose, SEEN) for purpose in (CHAT, VISION, TITLE, PROMPT)}
    assert found == {CHAT: "a:1b", VISION: "sees:1b", TITLE: "", PROMPT: "a:1b"}


@pytest.mark.parametrize(
    ("purpose", "name"), [(CHAT, "b:1b"), (VISION, "eyes:1b"), (TITLE, "b:1b"), (PROMPT, "b:1b")]
)
def test_an_admins_choice_holds_for_its_purpose(purpose: str, name: str) -> None:
    choose(purpose, name)
    assert model_for(purpose, SEEN) == name


def test_prompts_are_written_by_the_chosen_model_of_new_chats() -> None:
    choose(CHAT, "b:1b")
    assert model_for(PROMPT, SEEN) == "b:1b"
    choose(PROMPT, "sees:1b")
    assert model_for(PROMPT, SEEN) == "sees:1b"


@pytest.mark.parametrize(("purpose", "name"), [(CHAT, "gone:1b"), (CHAT, "embeds:1b"), (VISION, "a:1b")])
@override_settings(OLLAMA_VISION_MODEL="eyes:1b")
def test_a_choice_that_is_gone_or_can_not_do_it_falls_back(purpose: str, name: str) -> None:
    choose(purpose, name)
    expected: dict[str, str] = {CHAT: "a:1b", VISION: "eyes:1b"}
    assert model_for(purpose, SEEN) == expected[purpose]


@override_settings(OPERATOR_MODELS={"chat": "a:1b", "vision": "sees:1b"})
def test_the_operators_word_wins() -> None:
    choose(CHAT, "b:1b")
    choose(VISION, "eyes:1b")
    assert (model_for(CHAT, SEEN), model_for(VISION, SEEN)) == ("a:1b", "sees:1b")


@override_settings(OPERATOR_MODELS={"chat": "gone:1b"})
def test_what_the_operator_has_not_installed_leaves_it_to_the_admin() -> None:
    choose(CHAT, "b:1b")
    assert model_for(CHAT, SEEN) == "b:1b"


def test_no_model_that_sees_is_no_model() -> None:
    assert model_for(VISION, Snapshot(READY, models=(A,))) == ""


def test_only_what_is_set_to_something_counts_as_the_operators(tmp_path: object) -> None:
    environ = {"OLLAMA_CHAT_DATA": str(tmp_path), "OLLAMA_DEFAULT_MODEL": " ", "OLLAMA_VISION_MODEL": "x:1b"}
    assert env.given(environ) - {"OLLAMA_CHAT_DATA"} == {"OLLAMA_VISION_MODEL"}


def test_friendly_names_stand_beside_the_names() -> None:
    LanguageModel.objects.create(name="a:1b", label="The quick one")
    models = with_labels(SEEN.models)
    assert [model.shown_name for model in models[:3]] == ["embeds:1b", "The quick one", "b:1b"]
    assert (label_of("a:1b", models), label_of("gone:1b", models)) == ("The quick one", "gone:1b")
