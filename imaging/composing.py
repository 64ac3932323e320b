"""Which workflow draws a job, and the graph of one variant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings

from gpu.services.comfyui import ComfyUI, Output
from imaging.failing import PictureError
from imaging.models import ImageJob

Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """A workflow that is ready to be filled in; `nodes` are those that show the result."""

    hash: str
    model_name: str
    image: bool

    def graph(
        self, *, prompt: str, seed: int, width: int, height: int, chosen: dict[str, Any], source: str
    ) -> Graph:
        """Return the graph of one variant."""

        def node(class_type: str, **inputs: Any) -> dict[str, Any]:
            return {"inputs": inputs, "class_type": class_type, "_meta": {"title": class_type}}

        graph = {
            "6": node("CLIPTextEncode", text=prompt, clip=["30", 1]),
            "8": node("VAEDecode", samples=["31", 0], vae=["30", 2]),
            "9": node("SaveImage", filename_prefix="ollama-chat", images=["8", 0]),
            "27": node("EmptySD3LatentImage", width=width, height=height, batch_size=1),
            "30": node("CheckpointLoaderSimple", ckpt_name=self.model_name),
            "31": node(
                "KSampler", seed=seed, steps=chosen["steps"], cfg=chosen["cfg"],
                sampler_name=chosen["sampler"], scheduler=chosen["scheduler"],
                denoise=chosen["denoise"],
                model=["30", 0], positive=["35", 0], negative=["33", 0], latent_image=["27", 0],
            ),
            "33": node("CLIPTextEncode", text="", clip=["30", 1]),
            "35": node("FluxGuidance", guidance=chosen["guidance"], conditioning=["6", 0]),
        }  # fmt: skip
        if self.image:
            del graph["27"]
            graph["37"] = node("LoadImage", image=source)
            graph["38"] = node("VAEEncode", pixels=["37", 0], vae=["30", 2])
            graph["31"]["inputs"]["latent_image"] = ["38", 0]
        return graph


def choose(job: ImageJob, comfyui: ComfyUI) -> Recipe:
    """Return the workflow for a job. Raises ServiceError, PictureError (model_missing)."""
    name = find_model(comfyui.models("checkpoints"), settings.COMFYUI_MODEL)
    if not name:
        raise PictureError("model_missing", model=settings.COMFYUI_MODEL)
    identity = hashlib.sha256(json.dumps([name, job.kind]).encode()).hexdigest()
    return Recipe(identity, name, job.changes_a_picture)


def find_model(files: Sequence[str], wanted: str) -> str:
    """Return the file of that stem, in whatever folder, "" when there is none."""
    return next((name for name in files if PurePosixPath(name.replace("\\", "/")).stem == wanted), "")


def choose_output(outputs: Sequence[Output], recipe: Recipe) -> Output | None:
    """Return the file that is the result: a saved one before a preview, the last one of several."""
    saved = [output for output in outputs if output.type == "output"]
    found = saved or [output for output in outputs if output.type == "temp"]
    return found[-1] if found else None
