"""What goes where in a graph: found by following its links, never by the names of its nodes.

An API-format graph is `{id: {"class_type": …, "inputs": {field: value or [id, slot]}}}`. A field
that is linked to a node which only holds a value (a primitive) is set there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from imaging.workflows.errors import WorkflowError

Graph = dict[str, dict[str, Any]]

TEXTS = ("text", "clip_l", "t5xxl", "prompt")
SEEDS = ("seed", "noise_seed")
LATENTS = ("latent_image", "latent", "samples", "pixels", "image", "images")
RESULTS = ("images", "image")
VALUES = ("value", "text", "string", "int", "float", "seed", "noise_seed", "number")


@dataclass(frozen=True)
class Place:
    """A field of a node."""

    node: str
    field: str


@dataclass
class Binding:
    """The places of a graph that the app fills in; `results` are the nodes that show the picture."""

    results: list[str] = field(default_factory=list)
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
                filled[place.node]["inputs"][place.field] = value
        return filled

    def told(self, graph: Graph) -> list[tuple[str, str]]:
        """Return what was bound, in pairs of what and “title: field”, for people."""
        return [
            (name, ", ".join(f"{title_of(graph, place.node)}: {place.field}" for place in places))
            for name, places in vars(self).items()
            if name != "results" and places
        ]


def bind(graph: Graph, *, changes_a_picture: bool) -> Binding:
    """Return the places of a graph. Raises WorkflowError for what cannot be found."""
    return _Binder(graph, changes_a_picture=changes_a_picture).bind()


def title_of(graph: Graph, name: str) -> str:
    """Return what people call a node."""
    node = graph.get(name) or {}
    return str((node.get("_meta") or {}).get("title") or node.get("class_type") or name)


def link_of(value: Any) -> tuple[str, int] | None:
    """Return the node and the slot that a field is linked to, None for a plain value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return str(value[0]), value[1]
    return None


class _Binder:
    """Follows one graph."""

    def __init__(self, graph: Graph, *, changes_a_picture: bool) -> None:
        self.graph, self.changes_a_picture = graph, changes_a_picture
        self.bound = Binding()

    def bind(self) -> Binding:
        samplers = self._find_samplers()
        first = [name for name in samplers if not self._passes_sampler(name)]
        for name in samplers:
            self._bind_sampler(name, first=name in first)
        self._check(first[0] if first else samplers[0])
        negatives = [place for place in self.bound.negatives if place not in self.bound.prompts]
        self.bound.negatives = negatives
        for name, places in vars(self.bound).items():
            setattr(self.bound, name, list(dict.fromkeys(places)))
        return self.bound

    # Where it ends, and what draws

    def _find_samplers(self) -> list[str]:
        shows = [name for name, node in self.graph.items() if self._shows(node)]
        if not shows:
            raise WorkflowError("no_result")
        samplers: list[str] = []
        for name in shows:
            found = [other for other in self._upstream(name) if self._samples(other)]
            if found:
                self.bound.results.append(name)
                samplers += [other for other in found if other not in samplers]
        if not samplers:
            raise WorkflowError("no_sampler")
        return samplers

    def _shows(self, node: dict[str, Any]) -> bool:
        named = "save" in node["class_type"].lower() or "preview" in node["class_type"].lower()
        return named and any(link_of(node["inputs"].get(name)) for name in RESULTS)

    def _samples(self, name: str) -> bool:
        inputs = self.graph[name]["inputs"]
        draws = "positive" in inputs or "guider" in inputs
        return draws and any(name in inputs for name in ("latent_image", "latent"))

    def _upstream(self, name: str) -> Iterator[str]:
        """Yield the nodes that lead to one, each once, the nearest first."""
        seen, line = {name}, [name]
        while line:
            here = line.pop(0)
            yield here
            for value in self.graph[here]["inputs"].values():
                link = link_of(value)
                if link and link[0] in self.graph and link[0] not in seen:
                    seen.add(link[0])
                    line.append(link[0])

    # One sampler

    def _bind_sampler(self, name: str, *, first: bool) -> None:
        inputs = self.graph[name]["inputs"]
        guider = self._linked(name, "guider") or name
        schedule = self._with(name, "sigmas", "steps") or name
        chooser = self._linked(name, "sampler") or name
        self._bind_seed(name)
        positive = "positive" if "positive" in self.graph[guider]["inputs"] else "conditioning"
        self._bind_words(guider, positive, self.bound.prompts, guidance=True)
        self._bind_words(guider, "negative", self.bound.negatives)
        self._take(self.bound.cfg, guider, "cfg")
        self._take(self.bound.steps, schedule, "steps")
        self._take(self.bound.scheduler, schedule, "scheduler")
        self._take(self.bound.sampler, chooser, "sampler_name")
        if first:
            self._take(self.bound.denoise, schedule, "denoise")
            self._bind_start(name)
        if "model" in inputs or "model" in self.graph[guider]["inputs"]:
            self._bind_model(guider if "model" in self.graph[guider]["inputs"] else name)

    def _bind_seed(self, name: str) -> None:
        holder = self._linked(name, "noise") or name
        for seed in SEEDS:
            self._take(self.bound.seeds, holder, seed)
        if not self.bound.seeds:
            raise WorkflowError("no_seed", title=title_of(self.graph, name))

    def _bind_words(self, name: str, start: str, places: list[Place], *, guidance: bool = False) -> None:
        """Follow conditioning back to the nodes that encode words."""
        link, seen = link_of(self.graph[name]["inputs"].get(start)), set()
        line = [link] if link else []
        while line:
            here, slot = line.pop()
            if here in seen or here not in self.graph:
                continue
            seen.add(here)
            inputs = self.graph[here]["inputs"]
            if guidance:
                self._take(self.bound.guidance, here, "guidance")
            texts = [text for text in TEXTS if text in inputs and "clip" in inputs]
            for text in texts:
                self._take(places, here, text)
            if not texts:
                line += self._conditions(inputs, slot)

    def _conditions(self, inputs: dict[str, Any], slot: int) -> list[tuple[str, int]]:
        """Return the conditioning that a node passes on; one that has both sides keeps them apart."""
        if "positive" in inputs and "negative" in inputs:
            link = link_of(inputs["negative" if slot == 1 else "positive"])
            return [link] if link else []
        links = [link_of(value) for name, value in inputs.items() if "conditioning" in name]
        return [link for link in links if link]

    def _bind_start(self, name: str) -> None:
        """Find what the sampler starts from: an empty latent image, or a picture."""
        for here in self._latents(name):
            inputs = self.graph[here]["inputs"]
            if "width" in inputs and "height" in inputs and not any(key in inputs for key in LATENTS):
                self._take(self.bound.widths, here, "width")
                self._take(self.bound.heights, here, "height")
                self._take(self.bound.batches, here, "batch_size")
            elif "loadimage" in self.graph[here]["class_type"].lower() and not link_of(inputs.get("image")):
                self._take(self.bound.pictures, here, "image")

    def _latents(self, name: str) -> Iterator[str]:
        seen, line = {name}, [name]
        while line:
            here = line.pop(0)
            if here != name:
                yield here
                if self._samples(here):
                    continue
            inputs = self.graph[here]["inputs"]
            for key in LATENTS:
                link = link_of(inputs.get(key))
                if link and link[0] in self.graph and link[0] not in seen:
                    seen.add(link[0])
                    line.append(link[0])

    def _passes_sampler(self, name: str) -> bool:
        """Return whether it goes on with what another sampler has drawn."""
        return any(self._samples(here) for here in self._latents(name))

    def _bind_model(self, name: str) -> None:
        """Some nodes on the way to the model want the size too."""
        here, seen = self._linked(name, "model"), set()
        while here and here not in seen:
            seen.add(here)
            self._take(self.bound.widths, here, "width")
            self._take(self.bound.heights, here, "height")
            here = self._linked(here, "model")

    # Links

    def _linked(self, name: str, key: str) -> str | None:
        link = link_of(self.graph[name]["inputs"].get(key))
        return link[0] if link and link[0] in self.graph else None

    def _with(self, name: str, key: str, wanted: str) -> str | None:
        """Return the node along `key` that has the wanted field."""
        here, seen = self._linked(name, key), set()
        while here and here not in seen:
            if wanted in self.graph[here]["inputs"]:
                return here
            seen.add(here)
            here = self._linked(here, key)
        return None

    def _take(self, places: list[Place], name: str, key: str) -> None:
        """Add a field, or where its value comes from."""
        if key not in self.graph[name]["inputs"]:
            return
        link = link_of(self.graph[name]["inputs"][key])
        place = Place(name, key) if link is None else self._primitive(name, key, link[0])
        if place not in places:
            places.append(place)

    def _primitive(self, name: str, key: str, source: str) -> Place:
        """Return the one plain field of the node that a value comes from."""
        inputs = (self.graph.get(source) or {}).get("inputs") or {}
        plain = [key for key, value in inputs.items() if not isinstance(value, list)]
        named = [key for key in VALUES if key in plain]
        if len(plain) == 1 or named:
            return Place(source, (named or plain)[0])
        raise WorkflowError("computed", title=title_of(self.graph, name), field=key)

    def _check(self, first: str) -> None:
        title = title_of(self.graph, first)
        if not self.bound.prompts:
            raise WorkflowError("no_text", title=title)
        if self.changes_a_picture and not self.bound.pictures:
            raise WorkflowError("no_picture", title=title)
        if self.changes_a_picture and not self.bound.denoise:
            raise WorkflowError("no_denoise", title=title)
        if not self.changes_a_picture and not self.bound.widths:
            raise WorkflowError("no_size", title=title)
