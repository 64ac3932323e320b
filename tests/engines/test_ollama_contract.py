"""The embedded engine against the traffic of a real Ollama: the same requests, answer by answer."""

from __future__ import annotations

import pytest

from tests.engines.conftest import Engine
from tests.standins.captures import captured, names, replayed, shape

SAME_TO_THE_BYTE = names("""
00-root 01-version 05-show-missing 10-chat-format-bad-schema 10-chat-format-invalid 16-think-bad-value
16-think-on-nonthinking-400 17-generate-images-on-nonvision 17-images-data-url 17-images-not-base64
17-images-on-nonvision-stream 17-images-on-nonvision-nostream 18-tools-on-nontools-400 19-chat-empty-model
19-chat-invalid-model-name 19-chat-missing-model-404 19-generate-missing-model-404 20-chat-bad-json
20-chat-content-array 20-chat-empty-body 20-chat-option-wrong-type 20-chat-wrong-type-messages
20-method-not-allowed 20-unknown-path 21-u-keepalive-bogus 21-v-keepalive-string-without-unit
21-w-unload-missing-model 23-embed-empty-input 23-embed-missing-model 23-embed-single 23-embeddings-old
26-ctx-overflow-shift-false 26-ctx-overflow-truncate-false-shift-false-stream 26-ctx-overflow-truncate-false
32-container-name-host-403 32-cors-origin-403 32-cors-origin-ok 32-foreign-host-403 34-pull-invalid-name
""")
SAME_SHAPE = names("""
03-unload-generate 03-ps-empty 06-chat-stream-cold-load 06-ps-loaded 07-chat-nostream
08-chat-multiturn-stream 09-chat-schema-nostream 09-chat-schema-stream 09-chat-schema-cut-by-num-predict
10-chat-format-empty-string 10-chat-json-mode 13-chat-options-length 16-think-false-on-nonthinking
20-chat-option-float-for-int 20-chat-unknown-role 21-a-load-only-empty-messages 21-d-generate-unload
21-e-ps-right-after-unload 21-h-generate-load-only 21-j-chat-empty-messages-keepalive0
21-l-chat-keepalive-0-after-answer 21-e-ps-right-after-unload 21-o-keepalive-minus1 21-p-ps-forever
22-generate-nostream 22-generate-raw 22-generate-stream 26-gen-hits-ctx-shift-false
26-multi-message-history-truncated 33-repeat-ha 33-repeat-ha-nostream 34-pull-offline-stream
""")


@pytest.mark.parametrize("name", SAME_TO_THE_BYTE)
def test_answers_the_same_bytes_as_ollama(engine: Engine, name: str) -> None:
    ours, real = replayed(name, engine.url), captured(name)
    assert (ours.status, ours.framing, ours.body) == (real.status, real.framing, real.body)
    assert sorted(ours.headers) == sorted(real.headers)


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_answers_in_the_same_shape_as_ollama(engine: Engine, name: str) -> None:
    ours, real = replayed(name, engine.url), captured(name)
    assert (ours.status, ours.framing, ours.shapes) == (real.status, real.framing, real.shapes)
    assert list(ours.headers) == list(real.headers)
    assert ours.ended


@pytest.mark.parametrize("name", ["07-chat-nostream", "22-generate-nostream", "09-chat-schema-nostream"])
def test_computes_the_same_text_as_ollama_from_the_same_weights(engine: Engine, name: str) -> None:
    ours, real = replayed(name, engine.url).lines[0], captured(name).lines[0]
    counts = ("done_reason", "prompt_eval_count", "eval_count", "context")
    assert [ours.get(count) for count in counts] == [real.get(count) for count in counts]
    assert replayed(name, engine.url).text.startswith(captured(name).text)


def test_lists_and_shows_its_model_as_ollama_does(engine: Engine) -> None:
    tags, real_tags = replayed("02-tags", engine.url), captured("02-tags")
    assert [model["name"] for model in tags.lines[0]["models"]] == ["smollm2:135m"]
    assert shape(tags.lines[0]["models"][0]) == shape(real_tags.lines[0]["models"][-1])
    shown, real = replayed("04-show", engine.url).lines[0], captured("04-show").lines[0]
    assert list(shown) == list(real)
    assert (shown["details"], shown["tensors"]) == (real["details"], real["tensors"])
    assert (shown["template"], shown["parameters"]) == (real["template"], real["parameters"])
    assert shown["model_info"].items() >= real["model_info"].items()
