"""The API that many tools know, by the client that they are built on, against the running app."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from tests.imaging.studio import png
from tests.processes import App, Person, running_app, wait_until
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Fault, Script

pytestmark = pytest.mark.processes
MODEL, TOOLS, SEES, THINKS = (
    "smollm2:135m", "smollm2-tools:135m", "smollm2-vision:135m", "smollm2-think:135m"
)  # fmt: skip
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
Client = Any  # what it asks and tells is looked at as JSON here


@pytest.fixture(scope="module")
def stack() -> Iterator[App]:
    with ScriptedComfyUI() as comfyui, running_app(COMFYUI_URL=comfyui.url) as app:
        yield app


@pytest.fixture
def app(stack: App) -> App:
    stack.ollama.reset()
    stack.ollama.default = Script()
    return stack


@pytest.fixture(scope="module")
def person(stack: App) -> Person:
    return stack.person("dev")


@pytest.fixture(scope="module")
def key(stack: App, person: Person) -> str:
    made = stack.call(person, "/api/keys", {"name": "editor", "scopes": ["chat", "pictures"]})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


@pytest.fixture
def client(app: App, key: str) -> Iterator[Client]:
    with openai.OpenAI(base_url=f"{app.url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        yield client


def asked(app: App) -> dict[str, Any]:
    """Return the body of the newest question to Ollama."""
    return app.ollama.chats[-1].body


def test_models_are_listed_and_told_of(client: Client) -> None:
    names = [model.id for model in client.models.list()]
    assert MODEL in names
    assert client.models.retrieve(MODEL).owned_by == "ollama"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nothing:1b")
    assert missing.value.code == "model_not_found"


def test_a_conversation_is_answered_whole(app: App, client: Client) -> None:
    app.ollama.default = Script(tokens=["Good ", "day"])
    told = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "Be brief."}, *HELLO],
        temperature=0.5,
        seed=7,
        stop=["END"],
        max_tokens=50,
    )
    choice = told.choices[0]
    assert (choice.message.content, choice.finish_reason, told.model) == ("Good day", "stop", MODEL)
    assert told.usage
    assert told.usage.completion_tokens == 2
    assert told.usage.total_tokens == told.usage.prompt_tokens + 2
    body = asked(app)
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    wanted = {"temperature": 0.5, "seed": 7, "stop": ["END"], "num_predict": 50}
    assert {name: body["options"][name] for name in wanted} == wanted
    assert body["options"]["num_ctx"] == 8192, "the window is the model's"
    assert (body["truncate"], body["stream"]) == (False, True)


def test_a_conversation_is_streamed(app: App, client: Client) -> None:
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(20)], rate=100)
    stream = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert words == "".join(f"w{n} " for n in range(20))
    assert len(chunks) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 20


def test_a_cut_answer_says_so(app: App, client: Client) -> None:
    app.ollama.default = Script(tokens=["a"], done_reason="length")
    told = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert told.choices[0].finish_reason == "length"


def test_tools_go_there_and_back(app: App, client: Client) -> None:
    app.ollama.default = Script(tokens=[], tool_calls=[{"name": "get_weather", "arguments": {"city": "Рим"}}])
    talk: list[Any] = [{"role": "user", "content": "Weather in Rome?"}]
    told = client.chat.completions.create(model=TOOLS, messages=talk, tools=[WEATHER])
    choice = told.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    call: Any = choice.message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Рим"})
    assert asked(app)["tools"] == [WEATHER]

    app.ollama.default = Script(tokens=["Sunny."])
    talk += [choice.message.model_dump(exclude_none=True)]
    talk += [{"role": "tool", "tool_call_id": call.id, "content": "24 degrees, sun"}]
    last = client.chat.completions.create(model=TOOLS, messages=talk, tools=[WEATHER])
    assert last.choices[0].message.content == "Sunny."
    sent = asked(app)["messages"]
    assert sent[1]["tool_calls"] == [{"function": {"name": "get_weather", "arguments": {"city": "Рим"}}}]
    assert sent[2] == {"role": "tool", "content": "24 degrees, sun", "tool_name": "get_weather"}


def test_tools_are_streamed(app: App, client: Client) -> None:
    app.ollama.default = Script(
        tokens=["Let me look."], tool_calls=[{"name": "get_weather", "arguments": {}}]
    )
    stream = client.chat.completions.create(
        model=TOOLS,
        messages=HELLO,
        tools=[WEATHER],
        stream=True,
    )
    choices: list[Any] = [chunk.choices[0] for chunk in stream]
    calls = [call for choice in choices for call in choice.delta.tool_calls or []]
    assert [(call.index, call.function.name) for call in calls] == [(0, "get_weather")]
    assert choices[-1].finish_reason == "tool_calls"


def test_a_schema_is_kept_to(app: App, client: Client) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    told = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},
    )
    assert set(json.loads(told.choices[0].message.content or "")) == {"name"}
    assert asked(app)["format"] == schema
    client.chat.completions.create(model=MODEL, messages=HELLO, response_format={"type": "json_object"})
    assert asked(app)["format"] == "json"


def test_a_thinking_model_thinks_apart(app: App, client: Client) -> None:
    app.ollama.default = Script(tokens=["42"], thinking=["hm ", "so"])
    told = client.chat.completions.create(model=THINKS, messages=HELLO, reasoning_effort="low")
    message: Any = told.choices[0].message
    assert (message.content, message.reasoning) == ("42", "hm so")


def picture(data: bytes) -> dict[str, Any]:
    return {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"},
    }


def test_a_model_that_sees_is_shown_pictures_made_anew(app: App, client: Client) -> None:
    content = [{"type": "text", "text": "What is it?"}, picture(png("red"))]
    client.chat.completions.create(model=SEES, messages=[{"role": "user", "content": content}])
    sent = asked(app)["messages"][0]
    assert sent["content"] == "What is it?"
    assert base64.b64decode(sent["images"][0])[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": MODEL, "messages": []}, "messages"),
        ({"model": MODEL, "messages": [{"role": "pirate", "content": "x"}]}, "messages[0].role"),
        ({"model": MODEL, "messages": HELLO, "n": 2}, "n"),
        ({"model": MODEL, "messages": HELLO, "temperature": 9}, "temperature"),
        ({"model": MODEL, "messages": HELLO, "tool_choice": "required"}, "tool_choice"),
        ({"model": MODEL, "messages": HELLO, "tools": [WEATHER]}, "tools"),
        ({"model": MODEL, "messages": HELLO, "response_format": {"type": "xml"}}, "response_format"),
        ({"messages": HELLO}, "model"),
        (
            {"model": SEES, "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "http://169.254.169.254/x.png"}}]}]},
            "messages[0].content",
        ),
        (
            {"model": MODEL, "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
            None,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(app: App, key: str, body: Any, param: str | None) -> None:
    sent = requests.post(
        f"{app.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=10
    )
    assert sent.status_code in (400, 415), sent.text
    assert sent.json()["error"]["param"] == param
    assert app.ollama.chats == []


def test_errors_have_the_clients_own_types(app: App, client: Client) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nothing:1b", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="oc_00000000_wrong").models.list()
    app.ollama.default = Script(fault=Fault.CONTEXT)
    with pytest.raises(openai.BadRequestError) as full:
        client.chat.completions.create(model=MODEL, messages=HELLO)
    assert full.value.code == "context_length_exceeded"
    app.ollama.default = Script(fault=Fault.SERVER_ERROR)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=MODEL, messages=HELLO)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.ERROR_LINE, Fault.NO_DONE])
def test_a_broken_stream_is_an_error_and_never_a_stop(app: App, client: Client, fault: Fault) -> None:
    app.ollama.default = Script(tokens=["a ", "b ", "c "], rate=50, fault=fault)
    heard, reasons = "", []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
            heard += chunk.choices[0].delta.content or ""
            reasons.append(chunk.choices[0].finish_reason)
    assert heard.startswith("a ")
    assert set(reasons) == {None}
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model=MODEL, messages=HELLO)


@pytest.mark.parametrize("stream", [True, False])
def test_who_hangs_up_stops_the_answer(app: App, key: str, stream: bool) -> None:
    app.ollama.default = Script(tokens=[f"w{n} " for n in range(2000)], rate=20)
    body = {"model": MODEL, "messages": HELLO, "stream": stream}
    headers = {"Authorization": f"Bearer {key}"}
    where = f"{app.url}/v1/chat/completions"
    if stream:
        with requests.post(where, json=body, headers=headers, stream=True, timeout=10) as sent:
            next(line for line in sent.iter_lines() if b"w3" in line)
    else:
        with pytest.raises(requests.Timeout):
            requests.post(where, json=body, headers=headers, timeout=1.5)
    call = app.ollama.chats[-1]
    assert call.body["messages"] == HELLO
    wait_until(lambda: call.closed_at, 5)


def test_a_call_is_in_nobodys_list_and_goes_in_a_day(app: App, client: Client, person: Person) -> None:
    app.ollama.default = Script(tokens=["a secret of the editor"])
    before = app.call(person, "/api/chats").json()["count"]
    client.chat.completions.create(model=MODEL, messages=HELLO)
    assert app.call(person, "/api/chats").json()["count"] == before
    assert app.call(person, "/api/search?q=secret").json()["results"] == []
    aged = (
        "from datetime import timedelta; from django.utils import timezone; from chats.models import Chat;"
        "from chats import calls; old = timezone.now() - timedelta(days=2);"
        "Chat.objects.filter(kind='api').update(updated_at=old); print(calls.purge_calls());"
        "print(Chat.objects.filter(kind='api').count())"
    )
    gone, left = app.manage("shell", "--no-imports", "-c", aged).split()
    assert int(gone) > 0
    assert int(left) == 0


def test_a_key_without_the_scope_and_a_used_up_limit_are_refused(app: App, person: Person) -> None:
    made = app.call(person, "/api/keys", {"name": "pictures only", "scopes": ["pictures"]}).json()["key"]
    client: Client = openai.OpenAI(base_url=f"{app.url}/v1", api_key=made, max_retries=0)
    with client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model=MODEL, messages=HELLO)
    poor = app.person("poor")
    spent = (
        "from accounts.models import *; u = User.objects.get(username='poor');"
        "Allowance.objects.create(user=u, gpu_minutes=1); Usage.objects.create(user=u, kind='gpu', amount=90)"
    )
    app.manage("shell", "--no-imports", "-c", spent)
    client = openai.OpenAI(base_url=f"{app.url}/v1", api_key=poor.token, max_retries=0)
    with client, pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model=MODEL, messages=HELLO)
    assert limited.value.code == "limit"
    assert int(limited.value.response.headers["Retry-After"]) > 3600


def test_pictures_are_drawn(app: App, client: Client, person: Person) -> None:
    app.ollama.default = Script(tokens=['{"prompt": "A red fox stands in the snow."}'])
    told = client.images.generate(prompt="рыжая лиса в снегу", n=2, size="512x512", model="flux")
    assert told.data
    assert len(told.data) == 2
    assert base64.b64decode(told.data[0].b64_json or "")[:4] == b"\x89PNG"
    assert app.call(person, "/api/image").json()["count"] == 0, "hidden from the gallery"
    link = client.images.generate(prompt="a fox", response_format="url", size="512x512").data
    assert link
    assert link[0].url
    seen = requests.get(link[0].url, headers={"Authorization": f"Bearer {person.token}"}, timeout=10)
    assert seen.status_code == 200
