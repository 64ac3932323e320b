"""What the tests of pictures order, whom they let work, and where they look."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from PIL import Image, ImageDraw

from accounts.models import User
from gpu import arbiter, snapshot
from gpu.arbiter import line
from imaging import ordering, pipeline, storage, tickets
from imaging.models import GeneratedImage, ImageJob, SourcePicture
from live import log
from live.redis import client, key
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama import ScriptedOllama
from tests.standins.ollama_script import Fault, Script

PROMPT = "A red fox stands in deep snow at dusk. Its fur glows in the last light."
WORK = {tickets.THINK: pipeline.think, tickets.DRAW: pipeline.draw}


@dataclass
class Studio:
    """The two services, and the grants that wait for a worker."""

    ollama: ScriptedOllama
    comfyui: ScriptedComfyUI
    grants: list[tuple[str, int, str]] = field(default_factory=list)

    def opened(self) -> Studio:
        """Take the grants of both kinds, and have Ollama looked at."""
        for kind, wanted in (
            (tickets.THINK, tickets.wanted_words),
            (tickets.DRAW, tickets.wanted_drawings),
        ):
            line.send_grants_with(kind, self._taker(kind), wanted=wanted)
        self.says(PROMPT)
        snapshot.refresh()
        return self

    def _taker(self, kind: str) -> line.Send:
        return lambda row_id, lease_id: self.grants.append((kind, row_id, lease_id))

    def says(self, prompt: str) -> None:
        """Have the language model answer with this prompt from now on."""
        self.ollama.default = Script(tokens=[json.dumps({"prompt": prompt})])

    def says_words(self, text: str) -> None:
        """Have it answer with these words, whatever format was asked for."""
        self.ollama.default = Script(tokens=[text], fault=Fault.IGNORES_FORMAT)

    def ollama_goes(self, seconds: float) -> None:
        """Have Ollama be away, seen so for that long."""
        self.ollama.stop()
        seen = replace(snapshot.refresh(), since=time.time() - seconds)
        client().set(key("snapshot"), json.dumps(asdict(seen)))

    def work_once(self) -> None:
        """Carry out the oldest grant, as a worker does."""
        kind, row_id, lease_id = self.grants.pop(0)
        WORK[kind](row_id, lease_id)

    def think(self, job: ImageJob) -> ImageJob:
        """Have the job's words found, whatever else waits."""
        self._serve(tickets.THINK, job)
        return fresh(job)

    def _serve(self, kind: str, job: ImageJob) -> None:
        grant = next(grant for grant in self.grants if grant[:2] == (kind, job.pk))
        self.grants.remove(grant)
        WORK[kind](job.pk, grant[2])

    def work(self) -> None:
        """Carry out grants until there are no more."""
        while self.grants:
            self.work_once()

    def begin(self) -> threading.Thread:
        """Carry out the oldest grant in a thread of its own."""
        thread = threading.Thread(target=self.work_once, daemon=True)
        thread.start()
        return thread

    def order(self, user: User, description: str = "рыжая лиса в снегу", **more: Any) -> ImageJob:
        """Order a small picture as the user would."""
        size = {} if more.get("source") else {"width": 256, "height": 256}
        return ordering.order_picture(user, None, description, **{**size, **more})

    def drawn(self, user: User, **more: Any) -> ImageJob:
        """Return a picture that has gone all the way."""
        job = self.order(user, **more)
        self.work()
        return fresh(job)

    def rendered(self) -> list[str]:
        """Return the ids of the prompts that ComfyUI has begun to compute, in order."""
        return [interval.prompt_id for interval in self.comfyui.intervals]


def fresh(job: ImageJob) -> ImageJob:
    """Return the job as it is in the database."""
    return ImageJob.objects.get(pk=job.pk)


def images(job: ImageJob) -> list[GeneratedImage]:
    return list(job.images.select_related("file").order_by("index"))


def frames(job: ImageJob) -> list[dict[str, Any]]:
    """Return what the job's log has told."""
    return log.read_frames(client().xrange(log.stream_key("job", job.pk)))


def told(job: ImageJob, type_: str) -> list[dict[str, Any]]:
    return [frame for frame in frames(job) if frame["type"] == type_]


def end_of(job: ImageJob) -> dict[str, Any]:
    """Return the frame that ended the job's log, once it is written."""
    deadline = time.monotonic() + 20
    while not (found := told(job, "end")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[-1]


def png(colour: str = "teal", size: tuple[int, int] = (256, 256)) -> bytes:
    """Return a small picture with something in it."""
    picture, written = Image.new("RGB", size, colour), io.BytesIO()
    ImageDraw.Draw(picture).ellipse((40, 40, 200, 160), "white")
    picture.save(written, "PNG")
    return written.getvalue()


def upload(user: User, colour: str = "teal") -> SourcePicture:
    """Return a picture that the user brought along."""
    return SourcePicture.objects.create(user=user, file=storage.save(png(colour)), name="photo.png")


def pixels(image: GeneratedImage) -> str:
    """Return a hash of a finished variant's pixels."""
    assert image.file
    with Image.open(io.BytesIO(storage.read(image.file))) as picture:
        return hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()


def nobody_holds_the_card() -> bool:
    card = arbiter.read()
    return not card.leases and not card.tickets
