"""The friendly names of models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gpu.models import LanguageModel
from gpu.snapshot import Known


def read_labels() -> dict[str, str]:
    """Return the names that admins have given, by the models' own; one query."""
    return dict(LanguageModel.objects.exclude(label="").values_list("name", "label"))


def with_labels(models: Iterable[Known]) -> list[Known]:
    """Return the models with the names that admins have given them; one query."""
    labels = read_labels()
    return [replace(model, label=labels.get(model.name, "")) for model in models]


def label_of(name: str, models: Iterable[Known]) -> str:
    """Return what people see for a name; the name itself where nobody has given another."""
    return next((model.shown_name for model in models if model.name == name), name)
