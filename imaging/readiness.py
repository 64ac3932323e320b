"""What keeps the workflows from drawing: looked for by `upkeep`, kept in Redis, so that no page waits."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from gpu import endpoints
from gpu.services.comfyui import ComfyUI
from gpu.services.errors import ServiceError
from imaging import composing
from imaging.failing import PictureError
from imaging.models import ImageJob
from imaging.workflows import WorkflowError
from imaging.workflows.errors import explain
from live.redis import RedisError, client, key

EVERY = 20.0  # seconds
KEPT = 120  # seconds; without upkeep the pages say nothing rather than old news


@dataclass(frozen=True)
class Trouble:
    """A workflow that cannot be used; `draws`: the built-in one does in its place."""

    code: str
    about: dict[str, str]
    draws: bool

    @property
    def sentence(self) -> str:
        """Return the node, the field and the fix, for admins."""
        return explain(self.code, self.about)


def look() -> None:
    """Look whether each kind of picture can be drawn, and keep what is wrong. Raises RedisError."""
    try:
        comfyui = ComfyUI(endpoints.find_comfyui().url)
        found = [_look(kind, comfyui) for kind in ImageJob.Kind.values]
    except ServiceError:
        found = []
    troubles = [asdict(trouble) for trouble in found if trouble]
    told = [trouble for number, trouble in enumerate(troubles) if trouble not in troubles[:number]]
    client().set(key("workflows"), json.dumps(told), ex=KEPT)


def _look(kind: str, comfyui: ComfyUI) -> Trouble | None:
    problem: BaseException | None
    try:
        problem, draws = composing.find_serving(kind, comfyui).problem, True
    except PictureError as error:
        problem, draws = error.__cause__, False
    return Trouble(problem.code, problem.about, draws) if isinstance(problem, WorkflowError) else None


def read() -> list[Trouble]:
    """Return what was wrong at the last look."""
    try:
        stored = client().get(key("workflows"))
    except RedisError:
        return []
    return [Trouble(**told) for told in json.loads(stored)] if stored else []
