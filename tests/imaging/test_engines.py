"""With the built-in engines, as on a machine that has nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import User
from chats.structured import Check, Json, ask_for_json
from gpu import snapshot
from imaging import prompts, shaping, wording
from live.redis import client, key
from tests.engines.conftest import running_engine
from tests.imaging.studio import Studio, fresh, images, upload

WISH = "рыжая лиса в снегу, акварель"


def know_the_engine() -> None:
    seen = replace(snapshot.read(), kind="engine")
    client().set(key("snapshot"), json.dumps(asdict(seen)))


@pytest.mark.parametrize("change", [False, True])
def test_the_toy_models_words_are_not_asked_for(studio: Studio, alice: User, change: bool) -> None:
    know_the_engine()
    job = studio.order(alice, WISH, source=upload(alice) if change else None)
    assert [grant[0] for grant in studio.grants] == ["draw"]
    studio.work()
    job = fresh(job)
    assert (job.status, job.prompt, job.notices) == ("done", WISH, ["toy_model"])
    assert len(images(job)) == 1
    assert not studio.ollama.chats


def test_words_that_waited_for_a_real_one_are_done_without(studio: Studio, alice: User) -> None:
    job = studio.order(alice, WISH, prompt_first=True)
    know_the_engine()
    studio.work()
    job = fresh(job)
    assert (job.status, job.prompt, job.notices) == ("reviewing", WISH, ["toy_model"])


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "schema", "check", "asked"),
    [
        ("prompt", wording.SCHEMA, wording.check, {"description": "a red fox in the snow"}),
        ("change", wording.SCHEMA, wording.check, {"picture": "A brick house.", "wish": "a white fence"}),
        ("settings", shaping.SCHEMA, shaping.check, {"picture": "A house.", "wish": "a white fence"}),
    ],
)
def test_every_file_fits_a_small_model_and_is_answered(
    studio: Studio, name: str, schema: Json, check: Check, asked: dict[str, Any]
) -> None:
    with running_engine() as engine, override_settings(OLLAMA_URL=engine.url):
        model = snapshot.refresh().chat_models()[0]
        messages = prompts.ask(name, **asked)
        answer = ask_for_json(
            engine.url, model=model, messages=messages, schema=schema, check=check, defaults={}, timeout=600
        )
    assert answer.notice in ("", "unusable")  # it fits the window, and is answered whole
    assert not answer.data or check(answer.data) == answer.data
