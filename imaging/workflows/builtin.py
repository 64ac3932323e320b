"""The graphs that come with the app: Flux.1-dev from one checkpoint, or from its separate parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from gpu.services.comfyui import ComfyUI
from imaging.workflows.binding import Graph
from imaging.workflows.checking import FILES, nearest
from imaging.workflows.errors import WorkflowError

Link = list[Any]
CLIPS = (("t5xxl_fp16", "t5xxl_fp8_e4m3fn_scaled", "t5xxl_fp8_e4m3fn"), ("clip_l",))
VAES = ("ae", "flux_vae", "flux-vae")


def graph_for(comfyui: ComfyUI, wanted: str, *, changes_a_picture: bool) -> tuple[Graph, str]:
    """Return the graph for the model of that stem and the model's file.

    Raises ServiceError, WorkflowError (missing_file) when the model or a part of it is nowhere.
    """
    checkpoints = comfyui.models("checkpoints")
    if name := find_file(checkpoints, wanted):
        loaders = {"30": _node("CheckpointLoaderSimple", ckpt_name=name)}
        return _graph(loaders, ["30", 0], ["30", 1], ["30", 2], changes_a_picture), name
    models = _models(comfyui, "diffusion_models", "unet")
    if name := find_file(models, wanted):
        texts, vaes = _models(comfyui, "text_encoders", "clip"), comfyui.models("vae")
        first, second = (
            _part(texts, stems, "DualCLIPLoader", f"clip_name{number}")
            for number, stems in enumerate(CLIPS, 1)
        )
        loaders = {
            "30": _node("UNETLoader", unet_name=name, weight_dtype="default"),
            "28": _node("DualCLIPLoader", clip_name1=first, clip_name2=second, type="flux"),
            "29": _node("VAELoader", vae_name=_part(vaes, VAES, "VAELoader", "vae_name")),
        }
        return _graph(loaders, ["30", 0], ["28", 0], ["29", 0], changes_a_picture), name
    raise _missing("CheckpointLoaderSimple", "ckpt_name", wanted, (*checkpoints, *models))


def find_file(files: Sequence[str], wanted: str) -> str:
    """Return the file of that stem, in whatever folder, "" when there is none; the whole name will do too."""
    path = PurePosixPath(wanted)
    stem = path.stem if path.suffix in FILES else path.name
    return next((name for name in files if PurePosixPath(name.replace("\\", "/")).stem == stem), "")


def _models(comfyui: ComfyUI, folder: str, old_name: str) -> tuple[str, ...]:
    return comfyui.models(folder) or comfyui.models(old_name)


def _part(files: Sequence[str], stems: Sequence[str], title: str, field: str) -> str:
    found = next((name for stem in stems if (name := find_file(files, stem))), "")
    if not found:
        raise _missing(title, field, stems[0], files)
    return found


def _missing(title: str, field: str, wanted: str, files: Sequence[str]) -> WorkflowError:
    return WorkflowError("missing_file", title=title, field=field, wanted=wanted, has=nearest(wanted, files))


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"inputs": inputs, "class_type": class_type, "_meta": {"title": class_type}}


def _graph(loaders: Graph, model: Link, clip: Link, vae: Link, changes_a_picture: bool) -> Graph:
    start: Graph = {"27": _node("EmptySD3LatentImage", width=1024, height=1024, batch_size=1)}
    latent: Link = ["27", 0]
    if changes_a_picture:
        start = {
            "37": _node("LoadImage", image="example.png"),
            "38": _node("VAEEncode", pixels=["37", 0], vae=vae),
        }
        latent = ["38", 0]
    return {
        **loaders,
        **start,
        "6": _node("CLIPTextEncode", text="", clip=clip),
        "33": _node("CLIPTextEncode", text="", clip=clip),
        "35": _node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "31": _node(
            "KSampler", seed=0, steps=28, cfg=1.0, sampler_name="euler", scheduler="simple", denoise=1.0,
            model=model, positive=["35", 0], negative=["33", 0], latent_image=latent,
        ),
        "8": _node("VAEDecode", samples=["31", 0], vae=vae),
        "9": _node("SaveImage", filename_prefix="ollama-chat", images=["8", 0]),
    }  # fmt: skip
