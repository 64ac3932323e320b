"""The standard Flux graphs in API format, as ComfyUI exports them."""

from __future__ import annotations

import uuid
from typing import Any

import requests

Graph = dict[str, dict[str, Any]]


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"inputs": inputs, "class_type": class_type, "_meta": {"title": class_type}}


def txt2img(text: str = "a red fox in the snow", *, seed: int = 1, steps: int = 4, size: int = 64) -> Graph:
    """Returns text to picture with one checkpoint."""
    return {
        "6": _node("CLIPTextEncode", text=text, clip=["30", 1]),
        "8": _node("VAEDecode", samples=["31", 0], vae=["30", 2]),
        "9": _node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        "27": _node("EmptySD3LatentImage", width=size, height=size, batch_size=1),
        "30": _node("CheckpointLoaderSimple", ckpt_name="flux1-dev-fp8.safetensors"),
        "31": _node(
            "KSampler", seed=seed, steps=steps, cfg=1, sampler_name="euler", scheduler="simple", denoise=1,
            model=["30", 0], positive=["35", 0], negative=["33", 0], latent_image=["27", 0],
        ),
        "33": _node("CLIPTextEncode", text="", clip=["30", 1]),
        "35": _node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
    }  # fmt: skip


def img2img(image: str, *, denoise: float = 0.6, seed: int = 1, steps: int = 4) -> Graph:
    """Returns picture to picture; `image` is an upload's reference."""
    graph = txt2img(seed=seed, steps=steps)
    del graph["27"]
    graph["37"] = _node("LoadImage", image=image)
    graph["38"] = _node("VAEEncode", pixels=["37", 0], vae=["30", 2])
    graph["31"]["inputs"] |= {"denoise": denoise, "latent_image": ["38", 0]}
    return graph


def submit(url: str, graph: Graph, **more: Any) -> str:
    """Queues a graph and returns its id; raises requests' HTTPError."""
    body = {"prompt": graph, "prompt_id": str(uuid.uuid4()), **more}
    answer = requests.post(f"{url}/prompt", json=body, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["prompt_id"])


def history(url: str, prompt_id: str) -> dict[str, Any]:
    """Returns the entry of a prompt, empty while there is none."""
    told = requests.get(f"{url}/history/{prompt_id}", timeout=10).json()
    entry = told.get(prompt_id, {})
    return entry if isinstance(entry, dict) else {}


def vram_free(url: str) -> int:
    """Returns what /system_stats tells, in bytes."""
    return int(requests.get(f"{url}/system_stats", timeout=10).json()["devices"][0]["vram_free"])
