"""What goes where in a graph: found by following its links, never by the names of its nodes.

From the nodes that show the picture back to the samplers, and from those to the words, the seed,
the size, the picture to start from and the model. A field that is linked to a node which only
holds a value (a primitive), or which hands one on, is set there. A seed or a size that is computed, or
a value that is both width and height, is set in the field that it was for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imaging.workflows.binding import Binding, Graph, Place, Span, link_of, title_of
from imaging.workflows.errors import WorkflowError

TEXTS = ("text", "clip_l", "clip_g", "t5xxl", "text_l", "text_g", "prompt")
SEEDS = ("seed", "noise_seed")
POSITIVES = ("positive", "conditioning", "cond1")
LATENTS = ("latent_image", "latent", "samples", "pixels", "image", "images")
WHOLE = ("ReferenceLatent", "InpaintModelConditioning", "InstructPixToPixConditioning")
"""Nodes that show the model the picture to be changed: it draws from noise alone, at its whole strength."""
RESULTS = ("images", "image")
MODELS = ("ckpt_name", "unet_name", "model_path")
VALUES = ("value", "text", "string", "int", "float", "number")
WEBSOCKET = "websocket"  # a node that sends the picture away leaves no file to fetch


def bind(graph: Graph, *, changes_a_picture: bool) -> Binding:
    """Return the places of a graph. Raises WorkflowError for what cannot be found."""
    return _Tracer(graph, changes_a_picture=changes_a_picture).bind()


class _Tracer:
    """Follows one graph."""

    def __init__(self, graph: Graph, *, changes_a_picture: bool) -> None:
        self.graph, self.changes_a_picture = graph, changes_a_picture
        self.bound = Binding()
        self.starts_empty = self.shows_picture = False
        self.sides: dict[Place, Place] = {}

    def bind(self) -> Binding:
        samplers = self._find_samplers()
        first = [name for name in samplers if not self._passes_sampler(name)] or samplers[:1]
        for name in sorted(samplers, key=lambda name: name not in first):
            self._bind_sampler(name, first=name in first)
        self._part_sides()
        self._check(first[0])
        self.bound.negatives = [place for place in self.bound.negatives if place not in self.bound.prompts]
        return self.bound

    # Where it ends, and what draws

    def _find_samplers(self) -> list[str]:
        shows = [name for name in self.graph if self._shows(name)] or list(self._ends())
        if not shows:
            raise WorkflowError("no_result")
        drawn = {name: [other for other in self._upstream(name) if self._samples(other)] for name in shows}
        samplers = list(dict.fromkeys(name for found in drawn.values() for name in found))
        if not samplers:
            raise WorkflowError("no_sampler")
        self.bound.results = sorted(
            (name for name in shows if drawn[name]), key=lambda name: self._worth(name, drawn), reverse=True
        )
        return samplers

    def _worth(self, name: str, drawn: dict[str, list[str]]) -> tuple[int, bool, int]:
        """Order results: after the most samplers, saved rather than shown, at the end of the longest way."""
        saves = "save" in self.graph[name]["class_type"].lower()
        return len(drawn[name]), saves, len(list(self._upstream(name)))

    def _shows(self, name: str) -> bool:
        kind = self.graph[name]["class_type"].lower()
        return ("save" in kind or "preview" in kind) and self._takes_picture(name)

    def _ends(self) -> Iterator[str]:
        """Yield the nodes that take a picture and hand nothing on: results by whatever name."""
        links = (link_of(value) for node in self.graph.values() for value in node["inputs"].values())
        used = {link[0] for link in links if link}
        yield from (name for name in self.graph if name not in used and self._takes_picture(name))

    def _takes_picture(self, name: str) -> bool:
        node = self.graph[name]
        linked = any(link_of(node["inputs"].get(key)) for key in RESULTS)
        return linked and WEBSOCKET not in node["class_type"].lower()

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
        guider = self._linked(name, "guider") or name
        schedule = self._with(name, "sigmas", "steps") or name
        chooser = self._linked(name, "sampler") or name
        noise = self._linked(name, "noise") or name
        for seed in SEEDS:
            self._put_into(self.bound.seeds, noise, seed)
        self._bind_words(guider, POSITIVES, self.bound.prompts, guidance=True)
        self._bind_words(guider, ("negative",), self.bound.negatives, needed=False)
        for places, holder, key in (
            (self.bound.cfg, guider, "cfg"),
            (self.bound.steps, schedule, "steps"),
            (self.bound.scheduler, schedule, "scheduler"),
            (self.bound.sampler, chooser, "sampler_name"),
        ):
            self._take(places, holder, key, needed=False)
        self._bind_size(schedule)
        self._bind_spans(name, first=first and not self.shows_picture)
        if first:
            if not self.shows_picture:
                strength = self._with(name, "sigmas", "denoise") or name
                self._take(self.bound.denoise, strength, "denoise", needed=self.changes_a_picture)
            self._bind_start(name)
        for start in (guider, name, schedule):
            self._bind_model(start)

    def _bind_spans(self, name: str, *, first: bool) -> None:
        """Find the steps that a sampler begins and stops at, where it draws only a part of them."""
        steps = self._source(name, "steps")
        for key in ("start_at_step", "end_at_step"):
            place = self._source(name, key)
            if steps and place and (span := Span(place, steps)) not in self.bound.spans:
                self.bound.spans.append(span)
                if first and key == "start_at_step":
                    self.bound.begins.append(span)

    def _bind_words(
        self,
        name: str,
        starts: tuple[str, ...],
        places: list[Place],
        *,
        guidance: bool = False,
        needed: bool = True,
    ) -> None:
        """Follow conditioning back to the nodes that encode words."""
        links = [link_of(self.graph[name]["inputs"].get(start)) for start in starts]
        line, seen = [link for link in links if link], set()
        while line:
            here, slot = line.pop()
            if here in seen or here not in self.graph:
                continue
            seen.add(here)
            inputs = self.graph[here]["inputs"]
            if guidance:
                self._take(self.bound.guidance, here, "guidance", needed=False)
                self._bind_shown(here)
            texts = [text for text in TEXTS if text in inputs and "clip" in inputs]
            for text in texts:
                self._take(places, here, text, needed=needed)
            if not texts:
                line += self._conditions(inputs, slot)

    def _bind_shown(self, name: str) -> None:
        """Find the picture that a node of the positive side shows to the model."""
        if self.graph[name]["class_type"] in WHOLE:
            self.shows_picture = True
            if self.changes_a_picture:
                self._bind_pictures(name)

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
                self.starts_empty = True
                self._bind_size(here)
                self._take(self.bound.batches, here, "batch_size", needed=False)
        self._bind_pictures(name)

    def _bind_pictures(self, name: str) -> None:
        """Find the nodes that load the picture from which this one's latent image is made."""
        for here in self._latents(name):
            inputs = self.graph[here]["inputs"]
            if "loadimage" in self.graph[here]["class_type"].lower() and not link_of(inputs.get("image")):
                self._take(self.bound.pictures, here, "image")

    def _bind_size(self, name: str) -> None:
        self._put_into(self.bound.widths, name, "width")
        self._put_into(self.bound.heights, name, "height")

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
        """Follow the model to its file; some nodes on the way want the size too."""
        here, seen = self._linked(name, "model"), set()
        while here and here not in seen:
            seen.add(here)
            self._bind_size(here)
            for key in MODELS:
                self._take(self.bound.models, here, key, needed=False)
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

    def _take(self, places: list[Place], name: str, key: str, *, needed: bool = True) -> None:
        """Add a field, or where its value comes from; one that is computed is left alone unless needed."""
        if key not in self.graph[name]["inputs"]:
            return
        place = self._source(name, key)
        if place is None and needed:
            raise WorkflowError("computed", node=name, title=title_of(self.graph, name), field=key)
        if place is not None and place not in places:
            places.append(place)

    def _put_into(self, places: list[Place], name: str, key: str) -> None:
        """Add where a field's value comes from, the field itself where that is computed."""
        if key not in self.graph[name]["inputs"]:
            return
        field = Place(name, key)
        place = self._source(name, key)
        if place is None and self.changes_a_picture and key not in SEEDS:
            return  # computed from the picture, which may be scaled on its way
        place = place or field
        self.sides[field] = place
        if place not in places:
            places.append(place)

    def _part_sides(self) -> None:
        """Set width and height apart where one node holds both."""
        both = set(self.bound.widths) & set(self.bound.heights)
        for places, key in ((self.bound.widths, "width"), (self.bound.heights, "height")):
            fields = [field for field, place in self.sides.items() if field.field == key and place in both]
            places[:] = [place for place in places if place not in both] + fields

    def _source(self, name: str, key: str) -> Place | None:
        """Return the field that holds a field's value, None for one that is computed or not there."""
        wanted, seen = (key, *(SEEDS if key in SEEDS else ()), *VALUES), set()
        while name in self.graph and key in self.graph[name]["inputs"]:
            link = link_of(self.graph[name]["inputs"][key])
            if link is None:
                return Place(name, key)
            if link[0] in seen or link[0] not in self.graph:
                return None
            seen.add(link[0])
            name = link[0]
            key = _handed_on(self.graph[name]["inputs"], wanted, words=wanted[0] in TEXTS)
        return None

    def _check(self, first: str) -> None:
        about = {"node": first, "title": title_of(self.graph, first)}
        if not self.bound.seeds:
            raise WorkflowError("no_seed", **about)
        if not self.bound.prompts:
            raise WorkflowError("no_text", **about)
        if self.changes_a_picture and not self.bound.pictures:
            raise WorkflowError("no_picture", **about)
        if self.changes_a_picture and not (self.bound.denoise or self.bound.begins or self.shows_picture):
            raise WorkflowError("no_denoise", **about)
        # A picture that nobody replaces would be drawn over again and again, under everybody's words.
        if not self.changes_a_picture and self.bound.pictures:
            raise WorkflowError("from_picture", **about)
        if not self.changes_a_picture and not self.starts_empty:
            raise WorkflowError("no_size", **about)


def _handed_on(inputs: dict[str, Any], wanted: tuple[str, ...], *, words: bool) -> str:
    """Return the field whose value a node hands on, "" when it may be any of several.

    What a node does to `words` on their way is as its operator wants it; a number would be another one.
    """
    plain = [name for name, value in inputs.items() if link_of(value) is None]
    named = [name for name in wanted if name in plain] or [
        name for name in wanted if words and name in inputs
    ]
    if named:
        return named[0]
    only = next(iter(inputs)) if len(inputs) == 1 else ""
    return "" if only in LATENTS else only  # of a picture it tells something, its size for one
