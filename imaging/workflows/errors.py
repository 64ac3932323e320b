"""What makes a workflow of no use, each with a sentence that names the place and the fix."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, str | Promise] = {
    "unreadable": _("The file is neither JSON nor a picture that ComfyUI made. Choose another one."),
    "too_large": _("The file is too large for a workflow. Choose another one."),
    "no_prompt_chunk": _("This picture does not hold a workflow. Take one that ComfyUI has saved as PNG."),
    "ui_format": _(
        "This is the format of ComfyUI's page. Choose “Export (API)” in its menu and take that file."
    ),
    "not_a_graph": _(
        "This is JSON, but no workflow in API format: node %(node)s has no class_type or inputs."
    ),
    "no_result": _("No node saves or shows a picture. Add a SaveImage node."),
    "no_sampler": _(
        "The saved picture does not come from a sampler. Connect a KSampler or SamplerCustomAdvanced."
    ),
    "no_text": _(
        "The positive prompt of “%(title)s” leads to no node with a text. Connect a CLIPTextEncode."
    ),
    "no_seed": _("“%(title)s” has no seed. Connect a RandomNoise node, or take a sampler with a seed."),
    "no_size": _("“%(title)s” starts from no empty latent image. Connect an EmptySD3LatentImage."),
    "from_picture": _(
        "“%(title)s” starts from a picture. Add this workflow as one of the kind “from a picture”"
        " or name its file in COMFYUI_WORKFLOW_IMG2IMG_PATH."
    ),
    "no_picture": _("“%(title)s” starts from no LoadImage node, so it cannot change a picture. Connect one."),
    "no_denoise": _(
        "“%(title)s” has no denoise, so it cannot say how much to change. Add it to the scheduler."
    ),
    "computed": _(
        "The field “%(field)s” of “%(title)s” is computed by other nodes. Write a plain value there."
    ),
    "missing_node": _(
        "ComfyUI does not know the node “%(class_type)s” of “%(title)s”. Install the custom node."
    ),
    "missing_file": _("“%(title)s” wants the file %(wanted)s in “%(field)s”. ComfyUI has: %(has)s."),
    "missing_input": _("“%(title)s” lacks its input “%(field)s”. Connect it in ComfyUI and export again."),
}


class WorkflowError(Exception):
    """A workflow cannot be used; `code` and `about` make the sentence."""

    def __init__(self, code: str, **about: Any) -> None:
        super().__init__(f"{code} {about}")
        self.code, self.about = code, {name: str(value)[:200] for name, value in about.items()}

    @property
    def sentence(self) -> str:
        """Return what is wrong and how to put it right."""
        return explain(self.code, self.about)


def explain(code: str, about: dict[str, str]) -> str:
    """Return a problem's sentence in the reader's language."""
    sentence = str(SENTENCES[code])
    return sentence % about if about else sentence
