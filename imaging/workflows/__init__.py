"""ComfyUI graphs: the two that come with the app, and the operator's own.

What goes where in a graph is found by following it, from the node that shows the result back
to the sampler and on to the words, the size, the seed and the picture to start from.
"""

from __future__ import annotations

from imaging.workflows.binding import Binding, Graph, Place
from imaging.workflows.errors import WorkflowError
from imaging.workflows.loading import read_graph
from imaging.workflows.tracing import bind

__all__ = ["Binding", "Graph", "Place", "WorkflowError", "bind", "read_graph"]
