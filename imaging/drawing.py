"""The drawing of a job: all of its variants under one lease of ComfyUI's, each sent once.

A variant's row names its prompt before anything is sent, so whoever takes the job over
looks for it in ComfyUI first: nothing renders twice and nothing is lost. Only a prompt that
ComfyUI knows nothing of is sent again, under a fresh id, so that what a stopped worker
still sends late can be taken back without harm.
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.errors import AppError
from gpu import arbiter, endpoints
from gpu.services import errors
from gpu.services.comfyui import ComfyUI, Events, Finished, Output, ValidationError
from gpu.services.wire import HungUpError
from imaging import composing, metadata, seeds, sources, storage
from imaging.failing import PictureError, failed
from imaging.models import GeneratedImage, ImageJob, StoredFile
from imaging.running import End, EndedError, Running, persist
from imaging.telling import Teller
from imaging.thinking import source_file
from imaging.watching import Patience, Watch

logger = logging.getLogger(__name__)
Status, Stage = GeneratedImage.Status, ImageJob.Status
MOST_TRIES = 2  # a prompt that ComfyUI accepted and then forgot is sent once more
ENDINGS = (EndedError, HungUpError, arbiter.LeaseLostError)


def draw(running: Running, lease: arbiter.Held) -> None:
    """Draw what is not drawn yet and end the job.

    Raises PictureError, ServiceError, EndedError, HungUpError, LeaseLostError.
    """
    images = prepare_images(running)
    drawing = Drawing(running, lease, images)
    try:
        if drawing.left:
            drawing.begin()
        for image in images:
            if image.status != Status.DONE:
                drawing.render(image)
    finally:
        drawing.close()
        drawing.teller.clear()
    running.finish(Stage.DONE)


def prepare_images(running: Running) -> list[GeneratedImage]:
    """Return the job's variants, made with their seeds and prompt ids when they are not there yet."""
    job = running.job

    def make() -> None:
        with transaction.atomic():
            # Locks the row, and proves that it is still ours.
            if not ImageJob.objects.held_by(running.claim).update(attempts=F("attempts")):
                raise EndedError(End.LOST)
            if not job.images.exists():
                chosen = seeds.for_variants(job.seed, job.variants)
                GeneratedImage.objects.bulk_create(
                    GeneratedImage(job=job, index=index, seed=seed) for index, seed in enumerate(chosen)
                )

    persist(make)
    return list(job.images.select_related("file"))


class Drawing:
    """One worker's turn at a job's variants."""

    def __init__(self, running: Running, lease: arbiter.Held, images: list[GeneratedImage]) -> None:
        self.running, self.lease, self.job = running, lease, running.job
        self.patience = Patience(running)
        self.teller = Teller(running.line)
        self.images, self.left = images, sum(image.status != Status.DONE for image in images)
        self.events: Events | None = None
        self.comfyui: ComfyUI
        self.recipe: composing.Recipe
        self.source = ""

    def begin(self) -> None:
        """Find ComfyUI and the workflow, and hand over the picture to start from."""
        while True:
            try:
                self._prepare()
                break
            except errors.ServiceDownError as error:
                self.patience.wait(error)
        self.patience.answered()
        made_by: dict[str, Any] = {
            "workflow_hash": self.recipe.hash,
            "model_name": self.recipe.model_name,
            "settings": self.recipe.binding.read(self._graph(self.images[0])),
        }
        if notices := [code for code in (self.recipe.notice, self._other_model()) if code]:
            made_by["notices"] = self.running.note(*notices)
        if self.job.status == Stage.WAITING:
            self.running.move_to(Stage.RENDERING, **made_by)
        elif self.job.workflow_hash != self.recipe.hash:
            self.running.save(**made_by)

    def _prepare(self) -> None:
        self.comfyui = ComfyUI(endpoints.find_comfyui().url)
        self.recipe = composing.choose(self.job, self.comfyui)
        if self.job.changes_a_picture:
            self.source = self._upload()

    def _other_model(self) -> str:
        """Return the notice for a variation that another model draws than the picture that is varied."""
        varied = self.job.source_image and self.job.source_image.job
        if not varied or self.job.prompt != varied.prompt:
            return ""
        return "other_model" if varied.model_name not in ("", self.recipe.model_name) else ""

    def close(self) -> None:
        """Let go of the websocket."""
        if self.events is not None:
            self.events.__exit__(None, None, None)
            self.events = None

    def _upload(self) -> str:
        file = source_file(self.job)
        if file is None:
            raise PictureError("source_gone")
        try:
            name, data = sources.read(file)
        except OSError as error:
            raise PictureError("source_gone") from error
        return self.comfyui.upload(name, data)

    def _listen(self) -> Events | None:
        """Return a connection to the websocket, None when there is none to be had.

        Its client_id is the job's own, so that who takes the job over hears of what was sent before.
        """
        if self.events is not None:
            return self.events
        events = Events(self.comfyui.url)
        events.client_id = str(self.images[0].prompt_id)
        self.running.listen_to(events.hang_up)
        try:
            self.events = events.__enter__()
        except errors.ServiceError as error:
            logger.info("ComfyUI has no websocket now: %s", error)
        return self.events

    # One variant

    def render(self, image: GeneratedImage) -> None:
        """Have one variant drawn and keep it; what was sent before is looked for first."""
        begun = time.monotonic()
        try:
            finished = self._finish(image)
        except ENDINGS:
            self._take_back(image)
            raise
        except (PictureError, errors.ServiceError):
            self._cancel(image)
            raise
        if finished.state == "failed":
            logger.warning("picture %s failed in ComfyUI: %s", self.running.job_id, finished.failure)
            raise failed(finished.failure, self._graph(image))
        if finished.state == "interrupted":
            raise PictureError("interrupted")
        self._keep(image, finished, time.monotonic() - begun)

    def _finish(self, image: GeneratedImage) -> Finished:
        """Return how the variant ended, sent again when ComfyUI has lost it."""
        adopted = image.status != Status.NEW
        while True:
            if not adopted:
                self._send(image)
            watch = Watch(
                self.running,
                self.comfyui,
                str(image.prompt_id),
                tell=lambda event: self.teller.event(image, event),
                connect=self._listen,
                disconnect=self.close,
            )
            connection.close()  # drawing takes minutes, and a connection is dear
            finished = watch.wait(look_first=adopted)
            if finished and not (adopted and finished.state == "interrupted"):
                return finished
            # Lost, or taken back by the worker that had it before.
            if finished is None and image.status == Status.RENDERING and image.tries >= MOST_TRIES:
                raise PictureError("comfyui_lost")
            logger.warning("picture %s: ComfyUI has lost a prompt, it is sent again", self.running.job_id)
            self.close()
            self.running.save_image(image, status=Status.NEW, prompt_id=uuid.uuid4())
            adopted = False

    def _send(self, image: GeneratedImage) -> None:
        """Send the prompt, once; an answer that did not come is looked for before it is sent again."""
        graph = self._graph(image)
        while True:
            events = self._listen()
            self.running.save_image(image, status=Status.SENDING)
            self.lease.check()
            try:
                client_id = events.client_id if events else ""
                sent = self.comfyui.submit(graph, str(image.prompt_id), client_id, EXTRA)
                break
            except errors.ServiceDownError as error:
                self.close()
                self.patience.wait(error)
                if self._is_known(image):
                    sent = None
                    break
                self.running.save_image(image, prompt_id=uuid.uuid4())
        self.patience.answered()
        self.lease.check()
        if sent and sent.problems:  # it would leave out a branch without a word: perhaps the result's
            raise ValidationError(sent.problems)
        self.running.save_image(image, status=Status.RENDERING, tries=image.tries + 1)

    def _is_known(self, image: GeneratedImage) -> bool:
        try:
            return self.comfyui.find(str(image.prompt_id)) != "lost"
        except errors.ServiceDownError:
            return False

    def _graph(self, image: GeneratedImage) -> dict[str, dict[str, Any]]:
        return self.recipe.graph(
            prompt=self.job.prompt,
            seed=int(image.seed),
            width=self.job.width,
            height=self.job.height,
            chosen=self.job.settings,
            source=self.source,
        )

    # What slipped through

    def _take_back(self, image: GeneratedImage) -> None:
        """Take back what ComfyUI shall not draw for us; a worker that leaves lets the next one find it."""
        if self.running.ends_as == End.LEAVING and not self.lease.lost:
            return
        if image.status == Status.NEW or self._is_looked_after(image):
            return
        self._cancel(image)
        if self.running.ends_as != End.CANCELLED:
            try:
                self.running.save_image(image, status=Status.NEW, prompt_id=uuid.uuid4())
            except EndedError:
                return  # the row is another's, who sees that the prompt was taken back

    def _is_looked_after(self, image: GeneratedImage) -> bool:
        """Return whether another worker has the same prompt in hand, or has had it to its end."""
        row = GeneratedImage.objects.select_related("job").filter(pk=image.pk).first()
        if row is None or row.prompt_id != image.prompt_id:
            return False
        return row.status == Status.DONE or row.job.claim not in (None, self.running.claim)

    def _cancel(self, image: GeneratedImage) -> None:
        try:
            self.comfyui.cancel(str(image.prompt_id))
        except errors.ServiceError as error:
            logger.warning("a prompt could not be taken back from ComfyUI: %s", error)

    # The result

    def _keep(self, image: GeneratedImage, finished: Finished, seconds: float) -> None:
        self.left -= 1
        if not self.left:
            self.running.move_to(Stage.SAVING)
        output = composing.choose_output(finished.outputs, self.recipe)
        if output is None:
            raise PictureError("no_output")
        try:
            png, width, height = metadata.as_png(self._download(output))
        except ValueError as error:
            raise PictureError("output_unreadable") from error
        image.numbers = {"seconds": round(seconds, 2)}
        file = self._store(metadata.write_into(png, metadata.facts(self.job, image)))
        self.running.save_image(
            image,
            status=Status.DONE,
            file=file,
            width=width,
            height=height,
            finished_at=timezone.now(),
            numbers=image.numbers,
        )
        self.teller.image(image)

    def _store(self, data: bytes) -> StoredFile:
        try:
            return persist(lambda: storage.save(data))
        except (AppError, OSError) as error:
            logger.exception("a finished picture could not be stored")
            raise PictureError("not_stored") from error

    def _download(self, output: Output) -> bytes:
        while True:
            self.running.check()
            try:
                return self.comfyui.view(output)
            except errors.ServiceDownError as error:
                self.patience.wait(error)


EXTRA = {"preview_method": "auto"}
"""Asks ComfyUI for previews whatever it was started with."""
