"""Graphs as operators export them from ComfyUI, in the shapes that Flux is drawn with."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from imaging.workflows.loading import read_file
from tests.standins.comfyui_graphs import img2img, txt2img

Graph = dict[str, dict[str, Any]]


def exported(name: str) -> Graph:
    """Return a file of this folder, read as the app reads it."""
    return read_file(str(Path(__file__).with_name(f"{name}.json")))


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"inputs": inputs, "class_type": class_type, "_meta": {"title": title or class_type}}


def custom(*, guider: str = "BasicGuider", prefix: str = "") -> Graph:
    """Return SamplerCustomAdvanced with its parts, from separate files; `prefix` as in "56:52"."""
    graph = {
        "1": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "2": node(
            "DualCLIPLoader",
            clip_name1="t5xxl_fp16.safetensors",
            clip_name2="clip_l.safetensors",
            type="flux",
        ),
        "3": node("VAELoader", vae_name="ae.safetensors"),
        "4": node("CLIPTextEncode", "Positive", text="old words", clip=["2", 0]),
        "5": node("FluxGuidance", guidance=4.0, conditioning=["4", 0]),
        "6": node(
            "ModelSamplingFlux", max_shift=1.15, base_shift=0.5, width=1024, height=1024, model=["1", 0]
        ),
        "7": node("BasicGuider", model=["6", 0], conditioning=["5", 0]),
        "8": node("RandomNoise", noise_seed=5),
        "9": node("KSamplerSelect", sampler_name="euler"),
        "10": node("BasicScheduler", scheduler="simple", steps=20, denoise=1, model=["6", 0]),
        "11": node("EmptySD3LatentImage", width=1024, height=1024, batch_size=2),
        "12": node(
            "SamplerCustomAdvanced",
            noise=["8", 0],
            guider=["7", 0],
            sampler=["9", 0],
            sigmas=["10", 0],
            latent_image=["11", 0],
        ),
        "13": node("VAEDecode", samples=["12", 0], vae=["3", 0]),
        "14": node("SaveImage", filename_prefix="mine", images=["13", 0]),
    }
    if guider == "CFGGuider":
        graph["15"] = node("ConditioningZeroOut", conditioning=["4", 0])
        graph["7"] = node("CFGGuider", cfg=1, model=["6", 0], positive=["5", 0], negative=["15", 0])
    return renamed(graph, prefix) if prefix else graph


def renamed(graph: Graph, prefix: str) -> Graph:
    """Return the graph with ids as subgraphs have them."""
    told = copy.deepcopy(graph)
    for one in told.values():
        for key, value in one["inputs"].items():
            if isinstance(value, list):
                one["inputs"][key] = [prefix + value[0], value[1]]
    return {prefix + name: one for name, one in told.items()}


def flux_encoded() -> Graph:
    """Return a graph whose words go into both of Flux's encoders, and whose guidance is theirs."""
    graph = txt2img()
    graph["6"] = node("CLIPTextEncodeFlux", clip_l="old", t5xxl="old", guidance=3.5, clip=["30", 1])
    graph["31"]["inputs"]["positive"] = ["6", 0]
    del graph["35"]
    return graph


def with_primitives() -> Graph:
    """Return a graph in which widgets were made inputs."""
    graph = txt2img()
    graph["50"] = node("PrimitiveString", value="old words")
    graph["51"] = node("PrimitiveInt", value=512)
    graph["52"] = node("Seed (rgthree)", seed=7)
    graph["6"]["inputs"]["text"] = ["50", 0]
    graph["27"]["inputs"] |= {"width": ["51", 0], "height": ["51", 0]}
    graph["31"]["inputs"]["seed"] = ["52", 0]
    return graph


def in_two_passes() -> Graph:
    """Return a graph that draws, enlarges, and draws over it."""
    graph = txt2img()
    graph["40"] = node("LatentUpscaleBy", upscale_method="nearest-exact", scale_by=1.5, samples=["31", 0])
    graph["41"] = copy.deepcopy(graph["31"])
    graph["41"]["inputs"] |= {"latent_image": ["40", 0], "denoise": 0.5, "seed": 9}
    graph["8"]["inputs"]["samples"] = ["41", 0]
    return graph


ALL: dict[str, Graph] = {
    "one checkpoint": txt2img(),
    "separate files": custom(),
    "a guider with cfg": custom(guider="CFGGuider"),
    "a subgraph": custom(prefix="56:"),
    "both encoders": flux_encoded(),
    "widgets as inputs": with_primitives(),
    "two passes": in_two_passes(),
}
CHANGE = img2img("example.png")
