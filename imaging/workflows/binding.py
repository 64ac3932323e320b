"""What goes where in a graph, and the graph with that filled in.

An API-format graph is `{id: {"class_type": …, "inputs": {field: value or [id, slot]}}}`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

Graph = dict[str, dict[str, Any]]
SETTINGS = ("steps", "cfg", "guidance", "denoise", "sampler", "scheduler")
WORDS = ("sampler", "scheduler")
Number = int | float


@dataclass(frozen=True)
class Place:
    """A field of a node."""

    node: str
    field: str


@dataclass(frozen=True)
class Span:
    """A field that counts steps, and the field that says how many there are in all."""

    place: Place
    steps: Place


@dataclass
class Binding:
    """The places of a graph that the app fills in; `results` are the nodes that show the picture, best first.

    A sampler without a denoise says how much it changes by the step that it begins at: `begins`.
    """

    results: list[str] = field(default_factory=list)
    models: list[Place] = field(default_factory=list)
    prompts: list[Place] = field(default_factory=list)
    negatives: list[Place] = field(default_factory=list)
    seeds: list[Place] = field(default_factory=list)
    widths: list[Place] = field(default_factory=list)
    heights: list[Place] = field(default_factory=list)
    batches: list[Place] = field(default_factory=list)
    pictures: list[Place] = field(default_factory=list)
    denoise: list[Place] = field(default_factory=list)
    steps: list[Place] = field(default_factory=list)
    cfg: list[Place] = field(default_factory=list)
    guidance: list[Place] = field(default_factory=list)
    sampler: list[Place] = field(default_factory=list)
    scheduler: list[Place] = field(default_factory=list)
    begins: list[Span] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def fill(
        self,
        graph: Graph,
        *,
        prompt: str,
        seed: int,
        width: int,
        height: int,
        chosen: dict[str, Any],
        source: str,
        settings: tuple[str, ...],
    ) -> Graph:
        """Return the graph of one variant; of `chosen` only the named `settings` are set."""
        filled = copy.deepcopy(graph)
        values: dict[str, Any] = {
            "prompts": prompt,
            "negatives": "",
            "seeds": seed,
            "widths": width,
            "heights": height,
            "batches": 1,
            **({"pictures": source} if source else {}),
            **{name: chosen[name] for name in settings if name in chosen},
        }
        for name, value in values.items():
            for place in getattr(self, name):
                _put(filled, place, value)
        self._fit_steps(graph, filled)
        if "denoise" in settings and "denoise" in chosen:
            for span in self.begins:
                steps = _number(filled, span.steps)
                _put(filled, span.place, min(round(steps * (1 - chosen["denoise"])), max(steps - 1, 0)))
        return filled

    def _fit_steps(self, graph: Graph, filled: Graph) -> None:
        """Keep the share of the steps that each sampler draws when there are more or fewer of them."""
        for span in self.spans:
            before, now = _number(graph, span.steps), _number(filled, span.steps)
            value = _number(graph, span.place)
            if before and now != before and value <= before:
                _put(filled, span.place, round(value * now / before))

    def read(self, filled: Graph) -> dict[str, Any]:
        """Return the settings that a graph draws with; what it has not, or computes, is left out."""
        found = {name: _value(filled, getattr(self, name)[0]) for name in SETTINGS if getattr(self, name)}
        told = {
            name: value
            for name, value in found.items()
            if isinstance(value, str if name in WORDS else Number)
        }
        for span in self.begins[:1]:
            steps = _number(filled, span.steps)
            told["denoise"] = round(1 - _number(filled, span.place) / steps, 3) if steps else 1.0
        return told

    def told(self, graph: Graph) -> list[tuple[str, str]]:
        """Return what was bound, in pairs of what and “title: field”, for people."""
        shown = {name: places for name, places in vars(self).items() if name not in ("results", "spans")}
        shown["denoise"] = [*self.denoise, *(span.place for span in shown.pop("begins"))]
        return [
            (name, ", ".join(f"{title_of(graph, place.node)}: {place.field}" for place in places))
            for name, places in shown.items()
            if places
        ]


def title_of(graph: Graph, name: str) -> str:
    """Return what people call a node."""
    node = graph.get(name) or {}
    named = node.get("_meta")
    title = named.get("title") if isinstance(named, dict) else ""
    return str(title or node.get("class_type") or name)


def link_of(value: Any) -> tuple[str, int] | None:
    """Return the node and the slot that a field is linked to, None for a plain value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return str(value[0]), value[1]
    return None


def _value(graph: Graph, place: Place) -> Any:
    return graph[place.node]["inputs"][place.field]


def _put(graph: Graph, place: Place, value: Any) -> None:
    graph[place.node]["inputs"][place.field] = value


def _number(graph: Graph, place: Place) -> int:
    value = _value(graph, place)
    return value if isinstance(value, int) else 0
