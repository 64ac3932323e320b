"""Which models see pictures, and what is said when one is shown to a model that can't."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from gpu.snapshot import Snapshot


def who_sees(seen: Snapshot) -> list[str]:
    """Return the names of the models that answer in words and see pictures."""
    return [model.name for model in seen.chat_models() if model.sees]


def refuse_blind(seen: Snapshot, model_name: str) -> None:
    """Raise AppError invalid when the model is known not to see, with those that do."""
    model = seen.find(model_name)
    if model is None or model.sees:
        return
    if names := who_sees(seen):
        sentence = _("%(model)s can't see pictures. These can: %(models)s.")
        raise AppError(sentence % {"model": model.name, "models": ", ".join(names)}, code=Code.INVALID)
    sentence = _("%(model)s can't see pictures, and no model that can is installed.")
    raise AppError(sentence % {"model": model.name}, code=Code.INVALID)
