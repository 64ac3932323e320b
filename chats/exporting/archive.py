"""All of a person's chats as one zip, written while it is sent: JSON, Markdown, and each picture once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from accounts import zipping
from accounts.zipping import File
from chats.exporting.document import write_json
from chats.exporting.reading import write_markdown
from chats.models import Chat, Preferences

ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
LONGEST_NAME = 60  # characters of a chat's title in its file's name


class _Pictures:
    """Puts each picture beside the texts once."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._waiting: list[File] = []

    def __call__(self, data: bytes, content_type: str) -> dict[str, str]:
        name = picture_name(data, content_type)
        if name not in self._known:
            self._known.add(name)
            self._waiting.append((name, data))
        return {"content_type": content_type, "file": name}

    def take(self) -> Iterator[File]:
        """Yield what has come since, and forget it."""
        waiting, self._waiting = self._waiting, []
        yield from waiting


def picture_name(data: bytes, content_type: str) -> str:
    """Return where a picture lies in the archive; the same bytes lie there once."""
    return f"pictures/{hashlib.sha256(data).hexdigest()}.{ENDINGS.get(content_type, 'bin')}"


def write_zip(chats: Iterable[Chat]) -> Iterator[bytes]:
    """Yield the zip piece by piece; one chat's texts are in memory at a time."""
    return zipping.write_zip(files(chats))


def files(chats: Iterable[Chat]) -> Iterator[File]:
    """Yield the files of the chats."""
    pictures = _Pictures()
    for number, chat in enumerate(chats, 1):
        name = f"chats/{number:04d} {file_name(chat)}"
        yield from _file(f"{name}.json", write_json([chat], pictures), pictures)
        yield from _file(f"{name}.md", write_markdown(chat, pictures, folder="../"), pictures)


def _file(name: str, pieces: Iterator[str], pictures: _Pictures) -> Iterator[File]:
    texts = []
    for piece in pieces:
        texts.append(piece)
        yield from pictures.take()
    yield name, "".join(texts).encode("utf-8", "replace")


def export(user: Any) -> Iterator[File]:
    """Yield what the person's export holds of their chats."""
    yield from files(Chat.objects.visible_to(user).order_by("pk").iterator(chunk_size=100))
    names = ("model_name", "system_prompt", "options", "titles", "search_auto", "draft")
    kept = Preferences.objects.filter(user=user).values(*names)
    if mine := kept.first():
        yield "chats/settings.json", json.dumps(mine, ensure_ascii=False, indent=2).encode()


def file_name(chat: Chat) -> str:
    """Return the chat's title as a file of any system may be called."""
    plain = "".join(letter if letter.isalnum() or letter in "-_()" else " " for letter in str(chat))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or "chat"
