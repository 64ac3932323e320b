"""What each node computes. Values between nodes are small records; pixels appear at the sampler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageOps

from gpu.engines.comfyui.files import Files
from gpu.engines.comfyui.sketch import mixed, sketch, watermarked

Values = tuple[Any, ...]
Inputs = dict[str, Any]
SAMPLERS = ("KSampler", "SamplerCustomAdvanced")
MOST_PIXELS = 50_000_000  # in one batch; ComfyUI too would run out of memory
LOADERS = ("CheckpointLoaderSimple", "UNETLoader", "DualCLIPLoader", "VAELoader")


class NodeError(Exception):
    """What a node of ComfyUI's own would raise, under the name of its class."""

    def __init__(self, message: str, type_name: str = "RuntimeError") -> None:
        super().__init__(message)
        self.type_name = type_name


@dataclass(frozen=True)
class Weights:
    """A model, which must be on the card whenever something is computed with it."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What a picture shall show."""

    text: str = ""


@dataclass(frozen=True)
class Latent:
    """Pictures before they are decoded: empty ones until a sampler has drawn."""

    size: tuple[int, int]
    batch: int = 1
    pictures: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a node hands on, and what it shows (`ui`) if it is an output."""

    values: Values
    ui: dict[str, Any] | None = None


@dataclass(frozen=True)
class Sampling:
    """One sampler's work."""

    weights: Weights
    words: Words
    latent: Latent
    seed: int
    steps: int
    denoise: float


@dataclass
class Run:
    """What nodes need of the prompt they belong to."""

    files: Files
    graph: dict[str, Any]
    extra_data: dict[str, Any] = field(default_factory=dict)

    def chunks(self) -> dict[str, Any]:
        """Returns the text that goes into a PNG: the graph always, the page's workflow if it was sent."""
        return {"prompt": self.graph} | (self.extra_data.get("extra_pnginfo") or {})


def sampling(class_type: str, inputs: Inputs) -> Sampling:
    """Returns what a sampler of either kind is to do."""
    if class_type == "KSampler":
        return Sampling(
            inputs["model"], inputs["positive"], inputs["latent_image"],
            inputs["seed"], inputs["steps"], inputs["denoise"],
        )  # fmt: skip
    model, words = inputs["guider"]
    steps, denoise = inputs["sigmas"]
    return Sampling(model, words, inputs["latent_image"], inputs["noise"], steps, denoise)


def draw(work: Sampling) -> Latent:
    """Returns the drawn pictures of a whole batch."""
    latent = work.latent
    _check_size(latent.size, latent.batch)
    drawn = [sketch(work.words.text, work.seed, latent.size, index) for index in range(latent.batch)]
    if latent.pictures:
        sources = [latent.pictures[index % len(latent.pictures)] for index in range(latent.batch)]
        drawn = [mixed(source, one, work.denoise) for source, one in zip(sources, drawn, strict=True)]
    return replace(latent, pictures=tuple(drawn))


def _check_size(size: tuple[int, int], batch: int) -> None:
    if size[0] * size[1] * batch > MOST_PIXELS:
        text = "Allocation on device 0 would exceed allowed memory. (out of memory)"
        raise NodeError(text, "torch.OutOfMemoryError")


def needed(class_type: str, inputs: Inputs) -> tuple[str, ...]:
    """Returns the models that the node computes with."""
    if class_type in LOADERS:
        return _load(class_type, inputs).names
    if class_type in SAMPLERS:
        return sampling(class_type, inputs).weights.names
    return ()


def compute(class_type: str, inputs: Inputs, run: Run) -> Result:
    """Returns a node's result; samplers are `draw`n by whoever counts their steps. Raises what PIL does."""
    return COMPUTED[class_type](inputs, run)


def _load(class_type: str, inputs: Inputs) -> Weights:
    fields = ("ckpt_name", "unet_name", "clip_name1", "clip_name2", "vae_name")
    return Weights(tuple(inputs[name] for name in fields if name in inputs))


def _checkpoint(inputs: Inputs, run: Run) -> Result:
    weights = _load("", inputs)
    return Result((weights, weights, weights))


def _one(make: Callable[[Inputs], Any]) -> Callable[[Inputs, Run], Result]:
    return lambda inputs, _: Result((make(inputs),))


def _empty(inputs: Inputs) -> Latent:
    return Latent((inputs["width"], inputs["height"]), inputs["batch_size"])


def _encode(inputs: Inputs) -> Latent:
    pictures: tuple[Image.Image, ...] = inputs["pixels"]
    wide, high = (max(side - side % 8, 8) for side in pictures[0].size)
    return Latent((wide, high), len(pictures), pictures)


def _decode(inputs: Inputs) -> tuple[Image.Image, ...]:
    latent: Latent = inputs["samples"]
    return latent.pictures or tuple(Image.new("RGB", latent.size) for _ in range(latent.batch))


def _open(inputs: Inputs, run: Run) -> Result:
    with Image.open(run.files.annotated(inputs["image"])) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    return Result(((picture,), None))


def _scale(inputs: Inputs) -> tuple[Image.Image, ...]:
    pictures: tuple[Image.Image, ...] = inputs["image"]
    wide, high = inputs["width"], inputs["height"]
    if not wide and not high:
        return pictures
    first = pictures[0]
    size = (
        wide or max(1, first.width * high // first.height),
        high or max(1, first.height * wide // first.width),
    )
    _check_size(size, len(pictures))
    fit = ImageOps.fit if inputs["crop"] == "center" else Image.Image.resize
    return tuple(fit(picture, size) for picture in pictures)


def _save(inputs: Inputs, run: Run) -> Result:
    return _written(inputs, run, temporary=False)


def _preview(inputs: Inputs, run: Run) -> Result:
    return _written(inputs, run, temporary=True)


def _written(inputs: Inputs, run: Run, *, temporary: bool) -> Result:
    prefix = inputs.get("filename_prefix", "ComfyUI")
    saved = [
        run.files.save(watermarked(picture), prefix, temporary=temporary, text=run.chunks())
        for picture in inputs["images"]
    ]
    return Result((inputs["images"],), {"images": saved})


COMPUTED: dict[str, Callable[[Inputs, Run], Result]] = {
    "CheckpointLoaderSimple": _checkpoint,
    "UNETLoader": _one(lambda inputs: _load("", inputs)),
    "DualCLIPLoader": _one(lambda inputs: _load("", inputs)),
    "VAELoader": _one(lambda inputs: _load("", inputs)),
    "CLIPTextEncode": _one(lambda inputs: Words(inputs["text"])),
    "CLIPTextEncodeFlux": _one(lambda inputs: Words(inputs["t5xxl"])),
    "FluxGuidance": _one(lambda inputs: inputs["conditioning"]),
    "ConditioningZeroOut": _one(lambda inputs: Words()),
    "EmptySD3LatentImage": _one(_empty),
    "EmptyLatentImage": _one(_empty),
    "KSamplerSelect": _one(lambda inputs: inputs["sampler_name"]),
    "BasicScheduler": _one(lambda inputs: (inputs["steps"], inputs["denoise"])),
    "RandomNoise": _one(lambda inputs: inputs["noise_seed"]),
    "BasicGuider": _one(lambda inputs: (inputs["model"], inputs["conditioning"])),
    "CFGGuider": _one(lambda inputs: (inputs["model"], inputs["positive"])),
    "ModelSamplingFlux": _one(lambda inputs: inputs["model"]),
    "VAEEncode": _one(_encode),
    "VAEDecode": _one(_decode),
    "LoadImage": _open,
    "ImageScale": _one(_scale),
    "SaveImage": _save,
    "PreviewImage": _preview,
}
