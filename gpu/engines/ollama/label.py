"""The label of a toy: every free answer says that a stand-in wrote it, and how to connect a real model."""

from __future__ import annotations

from collections.abc import Sequence

from gpu.engines.ollama.asks import Message

CALM_TURNS = 5  # answers in a row that carry the label once
ENGLISH = (
    "*A tiny stand-in model (135 million parameters) wrote this: it is here so that you can try things out, "
    "and it gets a lot wrong. To connect a real one, install [Ollama](https://ollama.com/download) and run "
    "`ollama pull qwen3:8b`; it is found by itself within a minute.*"
)
RUSSIAN = (
    "*Это написала крошечная модель-заглушка (135 млн параметров): с ней можно всё попробовать, но она "
    "часто ошибается и почти не знает русского. Чтобы подключить настоящую, установите "
    "[Ollama](https://ollama.com/download) и выполните `ollama pull qwen3:8b`: она найдётся сама за минуту.*"
)
RULE = "\n\n---\n"


def label_for(messages: Sequence[Message], answer: str) -> str:
    """Returns what to add to `answer`: nothing when the last few answers have said it already."""
    recent = [message.content for message in messages if message.role == "assistant"][-CALM_TURNS:]
    if any(text in content for content in recent for text in (ENGLISH, RUSSIAN)):
        return ""
    open_fence = "\n```" if answer.count("```") % 2 else ""
    return f"{open_fence}{RULE}{RUSSIAN if _speaks_russian(messages) else ENGLISH}"


def without_label(content: str) -> str:
    """Returns an earlier answer as the model wrote it: it would only learn to repeat the label."""
    for text in (ENGLISH, RUSSIAN):
        content = content.replace(RULE + text, "").replace(text, "")
    return content


def _speaks_russian(messages: Sequence[Message]) -> bool:
    asked = [message.content for message in messages if message.role == "user"]
    return any("\u0400" <= letter <= "\u04ff" for letter in (asked[-1] if asked else ""))
