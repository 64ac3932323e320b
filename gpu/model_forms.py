"""What an admin may set for a model."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from gpu.models import LanguageModel

SPAN = re.compile(r"\d{1,6}(ms|s|m|h)")
FOR_EVER = "-1s"  # Ollama refuses a bare "-1" in a text


class ModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """Friendly name, window, how long it stays loaded; `trained`: the window of its training, 0: unknown."""

    class Meta:
        model = LanguageModel
        fields = ("label", "num_ctx", "keep_alive")

    def __init__(self, data: Any, *, instance: LanguageModel, trained: int) -> None:
        super().__init__(data, instance=instance)
        self._trained = trained

    def clean_label(self) -> str:
        """Return the name in one line."""
        return " ".join(str(self.cleaned_data["label"]).split())

    def clean_num_ctx(self) -> int | None:
        """Return the window; never more than the model was trained for."""
        wanted: int | None = self.cleaned_data["num_ctx"]
        if wanted and self._trained and wanted > self._trained:
            sentence = _("This model was trained for %(most)d tokens at most.")
            raise ValidationError(sentence, params={"most": self._trained})
        return wanted

    def clean_keep_alive(self) -> str:
        """Return the time as Ollama reads it."""
        given = str(self.cleaned_data["keep_alive"]).replace(" ", "").lower()
        if given in ("-1", FOR_EVER):
            return FOR_EVER
        if given in ("", "0"):
            return given and "0s"
        if not SPAN.fullmatch(given):
            raise ValidationError(_("Write it like 45s, 30m or 2h; -1 is for ever."))
        return given
