"""Pictures inside a conversation, and the composer's tool that orders them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import Verb
from chats import parts
from chats.models import Message
from gpu import snapshot
from imaging import composing, copying, ordering, orders, readiness
from imaging.api import shapes
from imaging.models import MOST_VARIANTS, ImageJob

SIZES = (
    ("1024x1024", "1:1"),
    ("1216x832", "3:2"),
    ("832x1216", "2:3"),
    ("1344x768", "16:9"),
    ("768x1344", "9:16"),
)
SIZES_GB = {"flux1-dev-fp8": 17, "flux1-dev": 24}
COMFYUI = "http://127.0.0.1:8188"


def register() -> None:
    """Have the conversation show pictures and offer them."""
    parts.register(Message.Kind.PICTURE, parts.Part("imaging/_job.html", prefetch, copying.copy_job, stop))
    drawing = parts.Tool(tool, "imaging/_tool.html", menu="imaging/_create.html", verb=Verb.DRAW)
    parts.add_tool(drawing)


def stop(message: Message) -> None:
    """Cancel the picture of a message that is being deleted."""
    if job := ImageJob.objects.select_related("message").filter(message=message).first():
        ordering.cancel_job(job)


def prefetch(messages: Sequence[Message]) -> None:
    """Give each picture message its job as `job`, with a slot for each variant."""
    found = shapes.with_images(ImageJob.objects.filter(message__in=[message.pk for message in messages]))
    jobs = {job.message_id: job for job in found}
    kinds = {job.kind for job in found if job.status == ImageJob.Status.REVIEWING}
    own = {kind for kind in kinds if composing.has_own(kind)}
    for message in messages:
        job = jobs.get(message.pk)
        message.job = job  # type: ignore[attr-defined]
        if job:
            job.slots = slots(job)
            job.steps_offered = "" if job.kind in own else job.steps
            job.best = shapes.best_of(job.shown)
            source = job.source or job.source_image
            job.source_thumb = source.file.url("256") if source and source.file else ""
            job.lacks_vision = settings.OLLAMA_VISION_MODEL if "no_vision" in job.notices else ""


def slots(job: ImageJob) -> list[dict[str, Any]]:
    """Return a job's variants where they stay; one without a picture is an empty slot."""
    by_index = {image.index: image for image in job.shown}  # type: ignore[attr-defined]
    return [
        {
            "number": index + 1,
            "index": index,
            "image": by_index.get(index),
            "url": shapes.image_url(by_index[index].file, "768") if _has_file(by_index.get(index)) else "",
        }
        for index in range(job.variants)
    ]


def _has_file(image: Any) -> bool:
    return image is not None and image.file is not None


def tool(user: Any) -> dict[str, Any]:
    """Return what the composer's picture tool offers."""
    usual = f"{settings.IMAGE_DEFAULT_WIDTH}x{settings.IMAGE_DEFAULT_HEIGHT}"
    return {
        **setup(),
        "sizes": SIZES if usual in dict(SIZES) else ((usual, _("usual")), *SIZES),
        "usual": usual,
        "variants": range(1, MOST_VARIANTS + 1),
        "least": orders.LEAST_SIDE,
        "most": orders.GREATEST_SIDE,
    }


def setup() -> dict[str, Any]:
    """Return what is still missing before pictures can be drawn."""
    seen = snapshot.read_comfyui()
    troubles = readiness.read() if seen else []
    return {
        "model": settings.COMFYUI_MODEL,
        "model_gb": SIZES_GB.get(settings.COMFYUI_MODEL),
        "comfyui": seen,
        "comfyui_url": settings.COMFYUI_URL or COMFYUI,
        "troubles": troubles,
        "draws": bool(seen) and all(trouble.draws for trouble in troubles),
    }
