"""Which workflow draws a job, and the graph of one variant."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from gpu.services.comfyui import ComfyUI, Output
from imaging.failing import PictureError
from imaging.models import ImageJob, Workflow
from imaging.workflows import Binding, Graph, WorkflowError, bind, builtin, checking
from imaging.workflows.binding import SETTINGS
from imaging.workflows.loading import read_file

logger = logging.getLogger(__name__)
TEST_SETTINGS = ("steps", "denoise")
OWN_SETTINGS = ("denoise",)
"""What the app decides in an operator's graph that changes a picture; the rest is the operator's."""


@dataclass(frozen=True)
class Recipe:
    """A workflow that is ready to be filled in; `name` is its own, "" for the built-in graph.

    `problem` is why the operator's own does not serve, when it should.
    """

    hash: str
    model_name: str
    template: Graph
    binding: Binding
    settings: tuple[str, ...]
    name: str = ""
    problem: WorkflowError | None = None

    @property
    def notice(self) -> str:
        """Return what the person should know of the choice."""
        return "workflow_builtin" if self.problem else ""

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

    One under test is the job's own; otherwise the one that serves for its kind. A number of steps that
    the person has named goes before the workflow's.
    """
    if job.workflow is not None:
        return _tested(job, comfyui, Own(job.workflow.name, job.workflow.graph))
    recipe = find_serving(job.kind, comfyui)
    if recipe.problem:
        logger.warning("the operator's workflow for %s is of no use: %s", job.kind, recipe.problem)
    return recipe if job.own_steps is None else replace(recipe, settings=(*recipe.settings, "steps"))


def find_serving(kind: str, comfyui: ComfyUI) -> Recipe:
    """Return what draws pictures of a kind: the active workflow, else the operator's file, else the built-in.

    The built-in graph also serves in the place of one that is broken. Raises as `choose` does; a
    PictureError's cause is the WorkflowError that names node, field and fix.
    """
    changes = kind == ImageJob.Kind.IMG2IMG
    broken: WorkflowError | None = None
    try:
        if own := find_own(kind):
            return _own(own, comfyui, changes=changes, decided=OWN_SETTINGS if changes else ())
    except WorkflowError as error:
        broken = error
    return _builtin(comfyui, broken, changes=changes)


def has_own(kind: str) -> bool:
    """Return whether an operator's workflow is to draw a kind of picture, of use or not."""
    return bool(_path(kind)) or Workflow.objects.filter(serves=kind).exists()


def find_own(kind: str) -> Own | None:
    """Return the operator's workflow for a kind of picture. Raises WorkflowError for an unreadable file."""
    if active := Workflow.objects.filter(serves=kind).first():
        return Own(active.name, active.graph)
    path = _path(kind)
    return Own(Path(path).name, read_file(path)) if path else None


def _path(kind: str) -> str:
    changes = kind == ImageJob.Kind.IMG2IMG
    return str(settings.COMFYUI_WORKFLOW_IMG2IMG_PATH if changes else settings.COMFYUI_WORKFLOW_PATH)


def _own(own: Own, comfyui: ComfyUI, *, changes: bool, decided: tuple[str, ...]) -> Recipe:
    binding = bind(own.graph, changes_a_picture=changes)
    for problem in checking.problems_of(own.graph, checking.recently(comfyui)):
        raise problem
    model = model_of(own.graph, binding) or own.name
    return Recipe(hash_of(own.graph), model, own.graph, binding, decided, own.name)


def _tested(job: ImageJob, comfyui: ComfyUI, own: Own) -> Recipe:
    changes = job.changes_a_picture
    try:
        return _own(own, comfyui, changes=changes, decided=TEST_SETTINGS if changes else ("steps",))
    except WorkflowError as error:
        raise PictureError("workflow_problem", problem=error.code, **error.about) from error


def _builtin(comfyui: ComfyUI, broken: WorkflowError | None, *, changes: bool) -> Recipe:
    try:
        graph, name = builtin.graph_for(comfyui, settings.COMFYUI_MODEL, changes_a_picture=changes)
    except WorkflowError as error:
        if broken:
            raise PictureError("workflow_broken") from broken
        raise PictureError("model_missing", model=error.about["wanted"]) from error
    binding = bind(graph, changes_a_picture=changes)
    return Recipe(hash_of(graph), name, graph, binding, SETTINGS, problem=broken)


def hash_of(graph: Graph) -> str:
    """Return what tells two workflows apart, before anything is filled in."""
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()


def model_of(graph: Graph, binding: Binding) -> str:
    """Return the model's file that draws, "" for a graph that names none."""
    named = (graph[place.node]["inputs"][place.field] for place in binding.models)
    return next((name for name in named if isinstance(name, str)), "")[:190]


def choose_output(outputs: Sequence[Output], recipe: Recipe) -> Output | None:
    """Return the file that is the result: the best of the bound nodes, else a saved one before a preview."""
    for name in recipe.binding.results:
        if found := [output for output in outputs if output.node == name]:
            return found[-1]
    saved = [output for output in outputs if output.type == "output"]
    found = saved or [output for output in outputs if output.type == "temp"]
    return found[-1] if found else None
