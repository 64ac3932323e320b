"""The nodes it knows and the models it pretends to have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NODES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("nodes.json").read_text("utf-8"))
GIB = 2**30
# What each would take of a real card, in bytes.
SIZES: dict[str, int] = {
    "flux1-dev-fp8.safetensors": 16 * GIB,
    "flux1-dev.safetensors": 12 * GIB,
    "t5xxl_fp16.safetensors": 9 * GIB,
    "t5xxl_fp8_e4m3fn.safetensors": 5 * GIB,
    "clip_l.safetensors": GIB // 4,
    "ae.safetensors": GIB // 3,
}
FOLDERS: dict[str, list[str]] = {
    "checkpoints": ["flux1-dev-fp8.safetensors"],
    "configs": [],
    "loras": [],
    "vae": ["ae.safetensors"],
    "text_encoders": ["clip_l.safetensors", "t5xxl_fp16.safetensors", "t5xxl_fp8_e4m3fn.safetensors"],
    "diffusion_models": ["flux1-dev.safetensors"],
    "clip_vision": [],
    "style_models": [],
    "embeddings": [],
    "controlnet": [],
    "upscale_models": [],
}
MOST_UPLOADED = 100 * 2**20  # bytes in one request
FEATURES: dict[str, Any] = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": MOST_UPLOADED,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}


def is_slow(name: str) -> bool:
    """Returns whether a model is so big that loading it takes time."""
    return SIZES.get(name, 0) >= 10 * GIB


def is_output(class_type: str) -> bool:
    """Returns whether the node's result is what a prompt is run for."""
    return bool(NODES[class_type]["output_node"])


def inputs_of(class_type: str) -> dict[str, tuple[list[Any], bool]]:
    """Returns each input's declaration and whether it must be given."""
    declared = NODES[class_type]["input"]
    given = {name: (value, True) for name, value in declared.get("required", {}).items()}
    return given | {name: (value, False) for name, value in declared.get("optional", {}).items()}


def options_of(declaration: list[Any]) -> list[Any] | None:
    """Returns the values to choose from, written in the old way or the new; None if it is no choice."""
    if isinstance(declaration[0], list):
        return declaration[0]
    if declaration[0] == "COMBO":
        options = declaration[1]["options"]
        return options if isinstance(options, list) else None
    return None


def described(class_type: str, pictures: list[str]) -> dict[str, Any]:
    """Returns a node's entry in /object_info; LoadImage lists the uploaded `pictures`."""
    entry = NODES[class_type]
    if class_type != "LoadImage":
        return entry
    declaration = [pictures, entry["input"]["required"]["image"][1]]
    return {**entry, "input": {"required": {"image": declaration}}}
