"""Which models see pictures, and what is said when one is shown to a model that can't."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from gpu.labels import with_labels
from gpu.snapshot import Snapshot


def refuse_blind(seen: Snapshot, model_name: str) -> None:
    """Raise AppError invalid when the model is known not to see, with those that do."""
    model = seen.find(model_name)
    if model is None or model.sees:
        return
    blind, *known = with_labels([model, *seen.chat_models()])
    if names := [other.shown_name for other in known if other.sees]:
        sentence = _("%(model)s can't see pictures. These can: %(models)s.")
        about = {"model": blind.shown_name, "models": ", ".join(names)}
        raise AppError(sentence % about, code=Code.INVALID)
    sentence = _("%(model)s can't see pictures, and no model that can is installed.")
    raise AppError(sentence % {"model": blind.shown_name}, code=Code.INVALID)
