"""What open pages see of a picture while it is drawn: progress, the newest preview, each result."""

from __future__ import annotations

import base64
import io
import json
import logging
import time

from PIL import Image

from gpu.services.comfyui import Event
from imaging.models import GeneratedImage
from live import log
from live.redis import RedisError, client
from live.scribe import Line

logger = logging.getLogger(__name__)
PREVIEW_EVERY = 0.4  # seconds
PREVIEW_SIDE = 384  # pixels
PREVIEW_QUALITY = 70
LARGEST_PREVIEW = 8 * 2**20  # bytes


class Teller:
    """Tells one job's pages. A preview takes the place of the one before: the log keeps the newest only.

    A worker that was killed leaves its last one; whoever takes the job over clears it away.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._newest, self._shown_at = "", 0.0

    def event(self, image: GeneratedImage, event: Event) -> None:
        """Tell what ComfyUI has just told."""
        if event.kind == "progress":
            self._line.tell("progress", variant=image.index, value=event.value, max=event.maximum)
        elif event.kind == "preview":
            self._show(image, event.data)

    def image(self, image: GeneratedImage) -> None:
        """Tell that a variant is there; its preview is over."""
        self.clear()
        if image.file is None:
            return
        self._line.tell(
            "image",
            variant=image.index,
            image=image.pk,
            url=image.file.url(),
            thumb_url=image.file.url("768"),
            width=image.width,
            height=image.height,
            seed=image.seed,
        )

    def _show(self, image: GeneratedImage, data: bytes) -> None:
        now = time.monotonic()
        if now - self._shown_at < PREVIEW_EVERY or len(data) > LARGEST_PREVIEW:
            return
        self._shown_at = now
        try:
            url = "data:image/jpeg;base64," + base64.b64encode(small(data)).decode()
            frame = log.encode({"type": "preview", "variant": image.index, "data": url})
            seq = client().xadd(self._line.stream, {"f": frame}, nomkstream=True)
            if self._newest:
                client().xdel(self._line.stream, self._newest)
            self._newest = str(seq or "")
        except (RedisError, OSError, ValueError, Image.DecompressionBombError) as error:
            logger.info("a preview could not be shown: %s", error)

    def clear(self) -> None:
        """Take every preview out of the log: it shows nothing that is still to come."""
        self._newest = ""
        try:
            entries = client().xrange(self._line.stream)
            if old := [seq for seq, fields in entries if json.loads(fields["f"])["type"] == "preview"]:
                client().xdel(self._line.stream, *old)
        except RedisError as error:
            logger.info("an old preview stays in the log: %s", error)


def small(data: bytes) -> bytes:
    """Return a preview as a small JPEG. Raises OSError, ValueError for what is no picture."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        shown = picture.convert("RGB")
        shown.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        shown.save(written, "JPEG", quality=PREVIEW_QUALITY)
    return written.getvalue()
