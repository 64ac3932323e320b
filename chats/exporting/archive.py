"""All of a person's chats as one zip, written while it is sent: JSON, Markdown, and each picture once."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator

from chats.exporting.document import write_json
from chats.exporting.reading import write_markdown
from chats.models import Chat

ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
LONGEST_NAME = 60  # characters of a chat's title in its file's name


class _Pipe:
    """A file that keeps what is written until it is taken; zipfile sees that it can't go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing below."""

    def close(self) -> None:
        """Do nothing, for the same reason."""

    def take(self) -> Iterator[bytes]:
        """Yield what has been written, and forget it."""
        pieces, self._pieces = self._pieces, []
        yield from pieces


class _Pictures:
    """Puts each picture into the zip once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._known: set[str] = set()

    def __call__(self, data: bytes, content_type: str) -> dict[str, str]:
        name = f"pictures/{hashlib.sha256(data).hexdigest()}.{ENDINGS.get(content_type, 'bin')}"
        if name not in self._known:
            self._known.add(name)
            self._archive.writestr(zipfile.ZipInfo(name), data)  # pictures are packed already
        return {"content_type": content_type, "file": name}


def write_zip(chats: Iterable[Chat]) -> Iterator[bytes]:
    """Yield the zip piece by piece; one chat's texts are in memory at a time."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        pictures = _Pictures(archive)
        for number, chat in enumerate(chats, 1):
            name = f"chats/{number:04d} {file_name(chat)}"
            archive.writestr(f"{name}.json", "".join(write_json([chat], pictures)))
            yield from pipe.take()
            archive.writestr(f"{name}.md", "".join(write_markdown(chat, pictures, folder="../")))
            yield from pipe.take()
    yield from pipe.take()


def file_name(chat: Chat) -> str:
    """Return the chat's title as a file of any system may be called."""
    plain = "".join(letter if letter.isalnum() or letter in "-_()" else " " for letter in str(chat))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or "chat"
