"""What made a picture, inside the PNG itself: written beside ComfyUI's own chunks, no pixel touched."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

from PIL import Image, UnidentifiedImageError

from imaging.models import GeneratedImage, ImageJob

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = len(SIGNATURE) + 25  # IHDR: 4 of length, 4 of type, 13 of data, 4 of checksum
KEYWORD = "ollama-chat"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"sBIT")
"""The chunks that decide how the picture looks."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
WORDS = {"steps": "Steps", "sampler": "Sampler", "cfg": "CFG scale"}
"""Settings as other programs call them."""
MOST_PIXELS = 64_000_000


def as_png(data: bytes) -> tuple[bytes, int, int]:
    """Return a PNG with the same pixels, and its width and height. Raises ValueError for anything else."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError("too many pixels")
            if picture.format == "PNG":
                picture.verify()
                return data, width, height
            written = io.BytesIO()
            picture.save(written, "PNG")
            return written.getvalue(), width, height
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(str(error)) from error


def facts(job: ImageJob, image: GeneratedImage) -> dict[str, Any]:
    """Return everything that reproduces a variant."""
    return {
        "description": job.description,
        "prompt": job.prompt,
        "negative_prompt": job.negative,
        "vision_description": job.vision_text,
        "seed": image.seed,
        "settings": job.settings,
        "model": job.model_name,
        "workflow_hash": job.workflow_hash,
        "timings": {**job.numbers, "drawing": image.numbers.get("seconds")},
        "kind": job.kind,
        "job": job.pk,
        "variant": image.index + 1,
    }


def write_into(png: bytes, told: dict[str, Any]) -> bytes:
    """Return the PNG with `told` as JSON, and as the line that other programs read, in text chunks."""
    chunks = _text(KEYWORD, json.dumps(told, ensure_ascii=False)) + _text("parameters", _parameters(told))
    return png[:HEADER] + chunks + png[HEADER:]


def without(png: bytes, *, keep_text: bool = False) -> bytes:
    """Return the PNG with the same pixels and nothing that tells how they came about, but text if wished."""
    kept = (*PIXELS, *TEXTS) if keep_text else PIXELS
    written = bytearray(png[: len(SIGNATURE)])
    at = len(SIGNATURE)
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] in kept:
            written += png[at : at + 12 + length]
        at += 12 + length
    return bytes(written)


def read_from(png: bytes) -> dict[str, Any]:
    """Return what was written, {} when there is nothing of ours."""
    with Image.open(io.BytesIO(png)) as picture:
        text = picture.info.get(KEYWORD, "")
    return dict(json.loads(text)) if text else {}


def _parameters(told: dict[str, Any]) -> str:
    named = [(word, told["settings"].get(name)) for name, word in WORDS.items()]
    named += [("Seed", told["seed"]), ("Model", told["model"])]
    return f"{told['prompt']}\n" + ", ".join(f"{word}: {value}" for word, value in named if value is not None)


def _text(keyword: str, text: str) -> bytes:
    """Return an iTXt chunk: UTF-8, not compressed, no language."""
    data = b"iTXt" + keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
