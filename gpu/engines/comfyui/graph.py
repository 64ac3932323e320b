"""A prompt as a graph: in which order its nodes run, and which results may be used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from gpu.engines.comfyui.catalog import is_output

Graph = dict[str, dict[str, Any]]


def links(node: dict[str, Any]) -> Iterator[str]:
    """Yields the ids of the nodes that this one's inputs come from."""
    for value in node["inputs"].values():
        if isinstance(value, list) and len(value) == 2:
            yield value[0]


def keys(graph: Graph, outputs: list[str], stamp: Callable[[dict[str, Any]], str]) -> dict[str, str]:
    """Returns a key for each node that `outputs` need: it, its inputs and all that they come from.

    `stamp` adds what changes without the graph changing: the bytes of a picture.
    """
    found: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in found:
            node = graph[name]
            inputs = {
                field: [key(value[0]), value[1]] if isinstance(value, list) else value
                for field, value in sorted(node["inputs"].items())
            }
            text = json.dumps([node["class_type"], inputs, stamp(node)])
            found[name] = hashlib.sha256(text.encode()).hexdigest()
        return found[name]

    for output in outputs:
        key(output)
    return {name: found[name] for name in graph if name in found}


def order(graph: Graph, outputs: list[str], cached: set[str]) -> Iterator[str]:
    """Yields the nodes to run in ComfyUI's order: what leads to an output soonest comes first."""
    waiting = _reached(graph, outputs, cached)
    while waiting:
        ready = [name for name in waiting if not any(link in waiting for link in links(graph[name]))]
        name = _nearest(graph, waiting, ready)
        waiting.remove(name)
        yield name


def _reached(graph: Graph, outputs: list[str], cached: set[str]) -> list[str]:
    found: list[str] = []
    for output in outputs:
        stack = [output]
        while stack:
            name = stack.pop()
            if name not in found:
                found.append(name)
                if name not in cached:
                    stack += [link for link in links(graph[name]) if link not in cached]
    return found


def _nearest(graph: Graph, waiting: list[str], ready: list[str]) -> str:
    """Returns a ready output, else one that feeds an output, else one two steps away, else the first."""
    fed = {name: [user for user in waiting if name in links(graph[user])] for name in waiting}
    tests: list[Callable[[str], bool]] = [
        lambda name: is_output(graph[name]["class_type"]),
        lambda name: any(is_output(graph[user]["class_type"]) for user in fed[name]),
        lambda name: any(is_output(graph[far]["class_type"]) for user in fed[name] for far in fed[user]),
    ]
    for test in tests:
        for name in ready:
            if test(name):
                return name
    return ready[0]
