"""Which model a call of `/v1` names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from accounts import tokens
from accounts.models import User
from chats.models import Message
from gpu.snapshot import Known
from live.redis import client as redis
from tests.chats.conversation import know_models


@pytest.fixture
def headers(alice: User) -> dict[str, str]:
    redis().flushdb()
    know_models(Known("llama3.2:latest", 1), Known("nomic:latest", 1, ("embedding",)))
    return {"Authorization": f"Bearer {tokens.begin(alice)['access']}"}


def ask(headers: dict[str, str], model: str) -> HttpResponseBase:
    body: Any = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    where = "/v1/chat/completions"
    response: HttpResponseBase = Client().post(where, json.dumps(body), "application/json", headers=headers)
    return response


@pytest.mark.parametrize("name", ["llama3.2", "llama3.2:latest"])
def test_a_model_is_found_with_and_without_latest(headers: dict[str, str], client: Client, name: str) -> None:
    assert client.get(f"/v1/models/{name}", headers=headers).json()["id"] == "llama3.2:latest"
    assert ask(headers, name).status_code == 200
    assert Message.objects.get().model_name == "llama3.2:latest"


@pytest.mark.parametrize("name", ["nomic", "llama3", "llama3.2:1b"])
def test_what_is_not_here_or_answers_in_no_words_is_not_found(
    headers: dict[str, str], client: Client, name: str
) -> None:
    assert client.get(f"/v1/models/{name}", headers=headers).status_code == 404
    assert ask(headers, name).status_code == 404
    assert not Message.objects.exists()
