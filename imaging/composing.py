"""Which workflow draws a job, and the graph of one variant."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from gpu.services.comfyui import ComfyUI, Output
from imaging.failing import PictureError
from imaging.models import ImageJob, Workflow
from imaging.workflows import Binding, Graph, WorkflowError, bind, builtin, checking, read_graph

logger = logging.getLogger(__name__)
LOADED = ("ckpt_name", "unet_name")
TEST_SETTINGS = ("steps", "denoise")
OWN_SETTINGS = ("denoise",)
"""What the app decides in an operator's graph that changes a picture; the rest is the operator's."""


@dataclass(frozen=True)
class Recipe:
    """A workflow that is ready to be filled in; `notice` is what the person should know of its choice."""

    hash: str
    model_name: str
    template: Graph
    binding: Binding
    settings: tuple[str, ...]
    notice: str = ""

    def graph(
        self, *, prompt: str, seed: int, width: int, height: int, chosen: dict[str, Any], source: str
    ) -> Graph:
        """Return the graph of one variant."""
        return self.binding.fill(
            self.template,
            prompt=prompt,
            seed=seed,
            width=width,
            height=height,
            chosen=chosen,
            source=source,
            settings=self.settings,
        )


@dataclass(frozen=True)
class Own:
    """An operator's workflow: from the admin, or from a file."""

    name: str
    graph: Graph


def choose(job: ImageJob, comfyui: ComfyUI) -> Recipe:
    """Return the workflow for a job. Raises ServiceError, PictureError (model_missing, workflow_broken).

    One under test is the job's own; else the active one serves, else the operator's file, else the
    built-in graph, which also serves in the place of one that is broken.
    """
    if job.workflow is not None:
        return _tested(job, comfyui, Own(job.workflow.name, job.workflow.graph))
    broken: WorkflowError | None = None
    try:
        if own := find_own(job.kind):
            return _own(own, job, comfyui)
    except WorkflowError as error:
        logger.warning("the operator's workflow for %s is of no use: %s", job.kind, error)
        broken = error
    return _builtin(job, comfyui, broken)


def find_own(kind: str) -> Own | None:
    """Return the operator's workflow for a kind of picture. Raises WorkflowError for an unreadable file."""
    if active := Workflow.objects.filter(kind=kind, active=True).first():
        return Own(active.name, active.graph)
    changes = kind == ImageJob.Kind.IMG2IMG
    path = settings.COMFYUI_WORKFLOW_IMG2IMG_PATH if changes else settings.COMFYUI_WORKFLOW_PATH
    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WorkflowError("unreadable") from error
    return Own(Path(path).name, read_graph(data))


def _own(own: Own, job: ImageJob, comfyui: ComfyUI, extra: tuple[str, ...] = ()) -> Recipe:
    binding = bind(own.graph, changes_a_picture=job.changes_a_picture)
    for problem in checking.problems_of(own.graph, comfyui.object_info):
        raise problem
    decided = extra or (OWN_SETTINGS if job.changes_a_picture else ())
    return Recipe(hash_of(own.graph), model_of(own.graph) or own.name, own.graph, binding, decided)


def _tested(job: ImageJob, comfyui: ComfyUI, own: Own) -> Recipe:
    try:
        decided = TEST_SETTINGS if job.changes_a_picture else ("steps",)
        return _own(own, job, comfyui, decided)
    except WorkflowError as error:
        raise PictureError("workflow_problem", why=error.sentence) from error


def _builtin(job: ImageJob, comfyui: ComfyUI, broken: WorkflowError | None) -> Recipe:
    try:
        found = builtin.graph_for(comfyui, settings.COMFYUI_MODEL, changes_a_picture=job.changes_a_picture)
    except WorkflowError as error:
        raise PictureError("model_missing", model=error.about["wanted"]) from error
    if found is None and broken is not None:
        raise PictureError("workflow_broken")
    if found is None:
        raise PictureError("model_missing", model=settings.COMFYUI_MODEL)
    graph, name = found
    binding = bind(graph, changes_a_picture=job.changes_a_picture)
    notice = "workflow_builtin" if broken else ""
    return Recipe(hash_of(graph), name, graph, binding, builtin.SETTINGS, notice)


def hash_of(graph: Graph) -> str:
    """Return what tells two workflows apart, before anything is filled in."""
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()


def model_of(graph: Graph) -> str:
    """Return the model's file that a graph loads, "" for one that names none."""
    named = (node["inputs"].get(key) for node in graph.values() for key in LOADED)
    return next((str(name) for name in named if isinstance(name, str)), "")[:190]


def choose_output(outputs: Sequence[Output], recipe: Recipe) -> Output | None:
    """Return the file that is the result: a saved one before a preview, the last one of several."""
    saved = [output for output in outputs if output.type == "output"]
    found = saved or [output for output in outputs if output.type == "temp"]
    return found[-1] if found else None
