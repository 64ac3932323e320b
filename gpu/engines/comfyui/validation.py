"""What ComfyUI refuses in a prompt before it queues it, in its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpu.engines.comfyui.catalog import NODES, inputs_of, is_output, options_of

Error = dict[str, Any]
Exists = Callable[[str], bool]
CASTS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
LONGEST_LIST = 20


@dataclass
class Verdict:
    """What may run (`outputs`), or the error; `node_errors` also come with a prompt that partly runs."""

    outputs: list[str] = field(default_factory=list)
    error: Error | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)


def refusal(kind: str, message: str, details: str = "", **extra: Any) -> Error:
    """Returns an error as ComfyUI writes it."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


NO_PROMPT = refusal("no_prompt", "No prompt provided", "No prompt provided")
BAD_ID = refusal(
    "invalid_prompt_id",
    "prompt_id must be a valid UUID",
    "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
    "omit it to let the server generate one",
)


def validate(graph: Any, exists: Exists) -> Verdict:
    """Returns the verdict on an API-format graph, whose values it converts in place.

    `exists` tells whether LoadImage would find a picture. Raises TypeError, KeyError on what is no
    graph at all: ComfyUI trips over that too.
    """
    for name in graph:
        if error := _unknown(name, graph[name]):
            return Verdict(error=error)
    outputs = [name for name in graph if is_output(graph[name]["class_type"])]
    if not outputs:
        return Verdict(error=refusal("prompt_no_outputs", "Prompt has no outputs"))
    return _Check(graph, exists).outputs(outputs)


def _unknown(name: str, node: dict[str, Any]) -> Error | None:
    class_type = node.get("class_type")
    if class_type in NODES:
        return None
    title = (node.get("_meta") or {}).get("title") or f"#{name}"
    text = (
        f"Node '{title}' not found. The custom node may not be installed."
        if class_type
        else f"Node '{title}' has no class_type. The workflow may be corrupted or a custom node is missing."
    )
    about = {"node_id": name, "class_type": class_type, "node_title": title}
    return refusal("missing_node_type", text, f"Node ID '#{name}'", **about)


class _Check:
    """One walk over a graph, from its outputs down."""

    def __init__(self, graph: dict[str, Any], exists: Exists) -> None:
        self.graph, self.exists = graph, exists
        self.errors: dict[str, list[Error]] = {}
        self.valid: dict[str, bool] = {}
        self.path: list[str] = []

    def outputs(self, names: list[str]) -> Verdict:
        verdict = Verdict()
        lines: list[str] = []
        for name in names:
            if self._output(name):
                verdict.outputs.append(name)
                continue
            lines += [f"{error['message']}: {error['details']}" for error in self.errors[name]]
            self._blame(name, verdict.node_errors)
        if not verdict.outputs:
            verdict.error = refusal(
                "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(lines)
            )
        return verdict

    def _output(self, name: str) -> bool:
        try:
            return self.node(name)
        except (KeyError, TypeError, IndexError) as error:
            about = {"exception_type": type(error).__name__, "traceback": []}
            text = "Exception when validating node"
            self.errors[name] = [refusal("exception_during_validation", text, str(error), **about)]
            self.valid[name] = False
            return False

    def _blame(self, output: str, node_errors: dict[str, Any]) -> None:
        for name, errors in self.errors.items():
            if errors:
                class_type = self.graph[name]["class_type"]
                told = {"errors": errors, "dependent_outputs": [], "class_type": class_type}
                node_errors.setdefault(name, told)["dependent_outputs"].append(output)

    def node(self, name: str) -> bool:
        """Returns whether the node and all it comes from are valid; its own errors are kept."""
        if name in self.valid:
            return self.valid[name]
        if name in self.path:
            self.errors[name] = [
                refusal("dependency_cycle", "Dependency cycle detected", " -> ".join(self.path))
            ]
            self.valid[name] = False
            return False
        self.path.append(name)
        try:
            self._inputs(name)
        finally:
            self.path.pop()
        return self.valid[name]

    def _inputs(self, name: str) -> None:
        node = self.graph[name]
        inputs, class_type = node["inputs"], node["class_type"]
        errors: list[Error] = []
        sound = True
        for field_name, (declaration, required) in inputs_of(class_type).items():
            if field_name not in inputs:
                if required:
                    text = "Required input is missing"
                    errors.append(refusal("required_input_missing", text, field_name, input_name=field_name))
            elif isinstance(inputs[field_name], list):
                error, fine = self._link(field_name, declaration, inputs[field_name])
                errors += error
                sound = sound and fine
            else:
                errors += self._value(class_type, field_name, declaration, inputs)
        self.errors[name] = [*self.errors.get(name, []), *errors]
        self.valid[name] = sound and not self.errors[name]

    def _link(self, name: str, declaration: list[Any], value: list[Any]) -> tuple[list[Error], bool]:
        about = {"input_name": name, "input_config": declaration}
        if len(value) != 2:
            text = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return [refusal("bad_linked_input", text, name, **about, received_value=value)], False
        source, slot = value
        received = NODES[self.graph[source]["class_type"]]["output"][slot]
        wanted = "COMBO" if options_of(declaration) is not None else declaration[0]
        if received != wanted:
            details = f"{name}, received_type({received}) mismatch input_type({wanted})"
            text = "Return type mismatch between linked nodes"
            about |= {"received_type": received, "linked_node": value}
            return [refusal("return_type_mismatch", text, details, **about)], False
        try:
            return [], self.node(source)
        except (KeyError, TypeError, IndexError) as error:
            about |= {
                "exception_message": str(error),
                "exception_type": type(error).__name__,
                "traceback": [],
                "linked_node": value,
            }
            text = "Exception when validating inner node"
            self.errors[source] = [refusal("exception_during_inner_validation", text, str(error), **about)]
            self.valid[source] = False
            return [], False

    def _value(
        self, class_type: str, name: str, declaration: list[Any], inputs: dict[str, Any]
    ) -> list[Error]:
        if (class_type, name) == ("LoadImage", "image"):
            if self.exists(str(inputs[name])):
                return []
            details = f"{name} - Invalid image file: {inputs[name]}"
            text = "Custom validation failed for node"
            return [refusal("custom_validation_failed", text, details, input_name=name)]
        about = {"input_name": name, "input_config": declaration, "received_value": inputs[name]}
        options = options_of(declaration)
        if options is not None:
            return _choice(name, options, about)
        try:
            inputs[name] = CASTS[declaration[0]](inputs[name])
        except (TypeError, ValueError) as error:
            text = f"Failed to convert an input value to a {declaration[0]} value"
            details = f"{name}, {inputs[name]}, {error}"
            return [refusal("invalid_input_type", text, details, **about, exception_message=str(error))]
        about["received_value"] = inputs[name]
        return _bounds(name, declaration[1] if len(declaration) > 1 else {}, about)


def _choice(name: str, options: list[Any], about: dict[str, Any]) -> list[Error]:
    value = about["received_value"]
    if value in options:
        return []
    listed = str(options)
    if len(options) > LONGEST_LIST:
        listed = f"(list of length {len(options)})"
        about = {**about, "input_config": None}
    details = f"{name}: '{value}' not in {listed}"
    return [refusal("value_not_in_list", "Value not in list", details, **about)]


def _bounds(name: str, limits: dict[str, Any], about: dict[str, Any]) -> list[Error]:
    value = about["received_value"]
    if "min" in limits and value < limits["min"]:
        text = f"Value {value} smaller than min of {limits['min']}"
        return [refusal("value_smaller_than_min", text, name, **about)]
    if "max" in limits and value > limits["max"]:
        text = f"Value {value} bigger than max of {limits['max']}"
        return [refusal("value_bigger_than_max", text, name, **about)]
    return []
