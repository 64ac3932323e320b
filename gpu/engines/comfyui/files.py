"""The three folders of pictures, and the checks that keep names inside them."""

from __future__ import annotations

import io
import json
import random
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOTS = ("input", "output", "temp")
ANNOTATION = re.compile(r"^(.*) \[(input|output|temp)\]$")
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class OutsideError(Exception):
    """The name leads out of its folder."""


@dataclass(frozen=True)
class Uploaded:
    """What /upload/image answers."""

    name: str
    subfolder: str
    type: str


class Files:
    """`input`, `output` and `temp` under one folder; nothing is read or written outside of it.

    `most`: only so many pictures are kept in each of their folders.
    """

    def __init__(self, folder: Path, most: int | None = None) -> None:
        self.folder, self._most = folder.resolve(), most
        for root in ROOTS:
            (self.folder / root).mkdir(parents=True, exist_ok=True)
        self._temp_name = "ComfyUI_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))

    def place(self, root: str, subfolder: str, name: str) -> Path:
        """Returns the path of a file. Raises OutsideError."""
        base = self.folder / root
        path = (base / subfolder / name).resolve()
        if not path.is_relative_to(base):
            raise OutsideError(name)
        return path

    def annotated(self, reference: str) -> Path:
        """Returns the path that LoadImage means: `sub/name`, perhaps with ` [output]` behind."""
        found = ANNOTATION.match(reference)
        name, root = found.groups() if found else (reference, "input")
        return self.place(root, "", name)

    def exists(self, reference: str) -> bool:
        """Returns whether LoadImage would find it."""
        try:
            return self.annotated(reference).is_file()
        except (OutsideError, ValueError, OSError):
            return False

    def inputs(self) -> list[str]:
        """Returns the uploads that lie in no subfolder, by name."""
        return sorted(path.name for path in (self.folder / "input").iterdir() if path.is_file())

    def upload(self, root: str, subfolder: str, name: str, data: bytes, *, overwrite: bool) -> Uploaded:
        """Stores bytes; the same name with other bytes gets a number. Raises OutsideError, OSError."""
        path = self.place(root, subfolder, name)
        (self.folder / root / subfolder).mkdir(parents=True, exist_ok=True)
        number = 0
        while not overwrite and path.exists():
            if path.read_bytes() == data:
                path.touch()
                return Uploaded(path.name, subfolder, root)
            number += 1
            path = path.with_name(f"{Path(name).stem} ({number}){Path(name).suffix}")
        path.write_bytes(data)
        self._forget(path.parent)
        return Uploaded(path.name, subfolder, root)

    def save(
        self, picture: Image.Image, prefix: str, *, temporary: bool, text: dict[str, Any]
    ) -> dict[str, str]:
        """Writes a numbered PNG with `text` in its chunks; returns its reference. Raises OutsideError."""
        root = "temp" if temporary else "output"
        prefix = self._temp_name if temporary else prefix
        prefix = prefix.replace("%width%", str(picture.width)).replace("%height%", str(picture.height))
        subfolder, _, stem = prefix.rpartition("/")
        folder = self.place(root, subfolder, "x").parent
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{stem}_{self._next(folder, stem):05}_.png"
        chunks = PngInfo()
        for key, value in text.items():
            chunks.add_text(key, json.dumps(value))
        picture.save(folder / name, pnginfo=chunks, compress_level=4)
        self._forget(folder)
        return {"filename": name, "subfolder": subfolder, "type": root}

    def _forget(self, folder: Path) -> None:
        if self._most is not None:
            files = [path for path in folder.iterdir() if path.is_file()]
            for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)[: -self._most]:
                path.unlink()

    def _next(self, folder: Path, stem: str) -> int:
        pattern = re.compile(re.escape(stem) + r"_(\d+)_\.png$")
        taken = [int(found[1]) for path in folder.iterdir() if (found := pattern.match(path.name))]
        return max(taken, default=0) + 1


def encoded(path: Path, preview: str, channel: str) -> tuple[bytes, str]:
    """Returns a picture re-encoded as /view's `preview` ("webp;90") or `channel` asks, and its type."""
    with Image.open(path) as opened:
        picture = opened.convert("RGBA" if channel == "a" else "RGB")
    written = io.BytesIO()
    if preview:
        kind, _, quality = preview.partition(";")
        kind = kind if kind in ("webp", "jpeg") else "webp"
        picture.convert("RGB").save(written, kind, quality=int(quality) if quality.isdigit() else 90)
        return written.getvalue(), f"image/{kind}"
    if channel == "a":
        blank = Image.new("RGBA", picture.size)
        blank.putalpha(picture.getchannel("A"))
        picture = blank
    picture.save(written, "PNG")
    return written.getvalue(), "image/png"


def content_type(path: Path) -> str:
    """Returns the type of a stored file by its name."""
    return TYPES.get(path.suffix.lower(), "application/octet-stream")
