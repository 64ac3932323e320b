"""ComfyUI: is it there, and does it have the nodes and files of what draws?"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from gpu import endpoints
from gpu.services import errors
from gpu.services.comfyui import ComfyUI
from imaging import composing
from imaging.models import ImageJob
from imaging.workflows import Graph, WorkflowError, bind, builtin, checking
from ollamachat.doctor.findings import Finding, fine, trouble

NAME = "comfyui"
BUILT_IN = "Flux.1-dev"


def check() -> Iterator[Finding]:
    """Yield what is to say of ComfyUI. Raises ServiceError when it goes away meanwhile."""
    try:
        found = endpoints.find_comfyui()
    except errors.ServiceError as error:
        yield _down(error)
        return
    if found.kind == "engine":
        yield trouble(NAME, "comfyui_standin")
        return
    yield fine(NAME, "comfyui", version=found.version, url=found.url)
    comfyui = ComfyUI(found.url)
    for kind in ImageJob.Kind.values:
        yield from _workflow(comfyui, kind)


def _down(error: errors.ServiceError) -> Finding:
    url = settings.COMFYUI_URL
    if not url:
        return trouble(NAME, "comfyui_missing")
    if isinstance(error, errors.ServiceDownError):
        return trouble(NAME, "comfyui_down", url=url)
    return trouble(NAME, "comfyui_strange", url=url, why=str(error)[:100])


def _workflow(comfyui: ComfyUI, kind: str) -> Iterator[Finding]:
    """Yield what an own workflow lacks, and then what the built-in one does that serves in its place."""
    try:
        own = composing.find_own(kind)
        problems = _problems(comfyui, own.graph, kind) if own else []
    except WorkflowError as error:
        own, problems = None, [error]
    name = own.name if own else kind
    for problem in problems:
        yield _lacks(name, problem)
    if own and not problems:
        yield fine("workflows", "workflow", workflow=name)
    else:
        yield from _built_in(comfyui, kind)


def _built_in(comfyui: ComfyUI, kind: str) -> Iterator[Finding]:
    name = f"{BUILT_IN} ({kind})"
    try:
        graph, _model = builtin.graph_for(
            comfyui, settings.COMFYUI_MODEL, changes_a_picture=kind == ImageJob.Kind.IMG2IMG
        )
    except WorkflowError as error:
        yield trouble("workflows", "checkpoint_missing", **error.about)
        return
    problems = _problems(comfyui, graph, kind)
    for problem in problems:
        yield _lacks(name, problem)
    if not problems:
        yield fine("workflows", "workflow", workflow=name)


def _problems(comfyui: ComfyUI, graph: Graph, kind: str) -> list[WorkflowError]:
    bind(graph, changes_a_picture=kind == ImageJob.Kind.IMG2IMG)
    return checking.problems_of(graph, comfyui.object_info)


def _lacks(workflow: str, problem: WorkflowError) -> Finding:
    if problem.code == "missing_node":
        return trouble("workflows", "node_missing", workflow=workflow, class_type=problem.about["class_type"])
    if problem.code == "missing_file":
        return trouble("workflows", "checkpoint_missing", **problem.about)
    return trouble("workflows", "workflow_broken", workflow=workflow, why=problem.sentence)
