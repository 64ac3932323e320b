"""From messages to the text that the model reads, and what happens when that is too long for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpu.engines.ollama.asks import Ask, Message, integer
from gpu.engines.ollama.errors import ApiError
from gpu.engines.ollama.label import without_label
from gpu.engines.ollama.runner import Runner

STOPS = ("<|im_start|>", "<|im_end|>")
TURN = "<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
TEMPLATE = f"{{{{- range .Messages }}}}{TURN}{{{{ end }}}}<|im_start|>assistant\n"
KEPT_TOKENS = 4  # Ollama's default num_keep
LONGEST = 512  # tokens: a toy model finds no end, and others wait for their turn
TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)


def render(messages: Sequence[Message]) -> str:
    """Returns the conversation in the model's own template; a last message of the assistant is continued."""
    turns = [f"<|im_start|>{message.role}\n{_content(message)}" for message in messages]
    if messages and messages[-1].role == "assistant":
        return "<|im_end|>\n".join(turns)
    return "<|im_end|>\n".join([*turns, "<|im_start|>assistant\n"])


async def fit(ask: Ask, runner: Runner) -> str | list[int]:
    """Returns the prompt cut to the window as Ollama cuts it: oldest turns first, then out of the middle.

    With `truncate: false` the whole of it, which the child refuses if it is too long. Raises ApiError 400
    when it is and `shift` is false.
    """
    text = ask.prompt if ask.raw else render(ask.messages)
    window = runner.launch.num_ctx
    if not ask.truncate or len(text.encode()) < window:  # a token is at least one byte
        return text
    if len(await runner.tokens(text)) < window:
        return text
    text = text if ask.raw else render(await _newest(ask.messages, runner))
    ids = await runner.tokens(text)
    if len(ids) < window:
        return text
    if not ask.shift:
        raise ApiError(400, TOO_LONG)
    keep = min(max(integer(ask.options, "num_keep", KEPT_TOKENS), 0), window // 2)
    return ids[:keep] + ids[-((window - keep) // 2) :]


def completion_body(ask: Ask, prompt: str | list[int], num_ctx: int) -> dict[str, Any]:
    """Returns llama.cpp's request for an answer, with Ollama's defaults but for its length."""
    given = {name: value for name, value in ask.options.items() if value is not None}
    most = min(10 * num_ctx, LONGEST)
    num_predict = integer(given, "num_predict", -1)
    body: dict[str, Any] = {
        "prompt": prompt,
        "cache_prompt": True,
        "n_predict": num_predict if 0 < num_predict < most else most,
        "n_keep": integer(given, "num_keep", KEPT_TOKENS),
        "stop": [*STOPS, *given.get("stop", [])],
        "temperature": given.get("temperature", 0.8),
        "top_p": given.get("top_p", 0.9),
        "min_p": given.get("min_p", 0.0),
        "typical_p": given.get("typical_p", 1.0),
        "repeat_penalty": given.get("repeat_penalty", 1.0),
        "presence_penalty": given.get("presence_penalty", 0.0),
        "frequency_penalty": given.get("frequency_penalty", 0.0),
        "top_k": integer(given, "top_k", 40),
        "repeat_last_n": integer(given, "repeat_last_n", 64),
        "seed": integer(given, "seed", -1),
    }
    return body | _shape(ask.format)


def _shape(wanted: Any) -> dict[str, Any]:
    if wanted in (None, ""):
        return {}
    return {"json_schema": {"type": "object"} if wanted == "json" else wanted}


async def _newest(messages: Sequence[Message], runner: Runner) -> list[Message]:
    """Returns the system messages, the last message, and as many before it as the window holds."""
    sizes = [len(await runner.tokens(render([message]))) for message in messages]
    last = len(messages) - 1
    room = runner.launch.num_ctx - sum(
        size for place, size in enumerate(sizes) if messages[place].role == "system" or place == last
    )
    kept = []
    for place in range(last, -1, -1):
        pinned = messages[place].role == "system" or place == last
        room -= 0 if pinned else sizes[place]
        if pinned or room > 0:
            kept.append(messages[place])
    return kept[::-1]


def _content(message: Message) -> str:
    return without_label(message.content) if message.role == "assistant" else message.content
