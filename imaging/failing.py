"""What can go wrong while a picture is drawn, each with a code that `imaging.sentences` explains."""

from __future__ import annotations

from typing import Any

from gpu.services import errors
from gpu.services.comfyui import Failure, ValidationError

CODES: dict[type[errors.ServiceError], str] = {
    errors.ServiceDownError: "comfyui_down",
    ValidationError: "workflow_refused",
}


class PictureError(Exception):
    """The picture cannot be drawn; `about` are the values that the code's sentence names."""

    def __init__(self, code: str, **about: Any) -> None:
        super().__init__(f"{code} {about}")
        self.code, self.about = code, about


def translate(error: errors.ServiceError) -> PictureError:
    """Return what a service's error means for a picture."""
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "comfyui_failed")
    return PictureError(code, **{name: str(value)[:200] for name, value in error.about.items()})


def failed(failure: Failure | None, graph: dict[str, dict[str, Any]]) -> PictureError:
    """Return what a node's failure means; its own words may name paths and stay in the log."""
    if failure is None:
        return PictureError("comfyui_failed")
    if failure.out_of_memory:
        return PictureError("out_of_memory")
    node = graph.get(failure.node) or {}
    title = str((node.get("_meta") or {}).get("title") or failure.class_type)
    return PictureError("node_failed", title=title[:100])
