"""What the models page and the API show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from gpu import choices, labels, pulls, snapshot
from gpu.models import LanguageModel
from gpu.snapshot import Known, Snapshot
from gpu.suggestions import LIBRARY
from live.redis import RedisError

NEARLY = 0.98  # of a model on the card is all of it: Ollama rounds
ABILITIES = (
    ("thinking", _("thinks")),
    ("vision", _("sees pictures")),
    ("tools", _("uses tools")),
    ("embedding", _("embeds texts")),
)
USES = {
    choices.CHAT: _("answers new chats"),
    choices.VISION: _("looks at pictures"),
    choices.TITLE: _("names chats"),
    choices.PROMPT: _("writes the prompts of pictures"),
}
HELP = {
    choices.CHAT: _("What is loaded, else the first"),
    choices.VISION: _("Any that sees"),
    choices.TITLE: _("The one that has just answered"),
    choices.PROMPT: _("The model of new chats"),
}


@dataclass(frozen=True)
class Installed:
    """A model as the page shows it; windows in tokens."""

    model: Known
    row: LanguageModel
    uses: tuple[Any, ...]

    @property
    def abilities(self) -> list[Any]:
        """Return what it can do, in words."""
        return [words for name, words in ABILITIES if name in self.model.capabilities]

    @property
    def window(self) -> int:
        return self.row.window(self.model.context_length)

    @property
    def reloads(self) -> bool:
        """Whether the next answer loads it again, because it is loaded with another window."""
        return bool(self.model.num_ctx) and self.model.chats and self.model.num_ctx != self.window

    @property
    def on_cpu(self) -> int:
        """Return how much of it the CPU computes, in per cent; 0 while it is not loaded."""
        size = self.model.size_loaded
        if not size or self.model.size_vram >= NEARLY * size:
            return 0
        return max(1, round(100 * self.model.on_cpu / size))


def page(user: Any, edited: str = "") -> dict[str, Any]:
    """Return the context of `gpu/models.html`; `edited` is the model whose settings are open."""
    seen = snapshot.read()
    known = {
        "seen": seen,
        "installed": installed(seen),
        "edited": edited,
        "usual_window": settings.OLLAMA_NUM_CTX,
        "usual_keep_alive": settings.OLLAMA_KEEP_ALIVE,
    }
    return known | (_for_admins(seen) if user.is_admin else {})


def installed(seen: Snapshot) -> list[Installed]:
    """Return the models with their settings and what they are used for."""
    rows = {row.name: row for row in LanguageModel.objects.all()}
    used = {purpose: choices.model_for(purpose, seen) for purpose in choices.Purpose.values}
    return [
        Installed(
            model,
            rows.get(model.name) or LanguageModel(name=model.name),
            tuple(words for purpose, words in USES.items() if used[purpose] == model.name),
        )
        for model in labels.with_labels(seen.models)
    ]


def _for_admins(seen: Snapshot) -> dict[str, Any]:
    models = labels.with_labels(seen.models)
    here = {model.name for model in models}
    return {
        "purposes": [_purpose(purpose, models) for purpose in choices.Purpose],
        "pulls": downloads(),
        "library": [model for model in LIBRARY if model.name not in here],
    }


def downloads() -> list[pulls.Progress]:
    """Return the downloads that run or have failed; none when nobody can tell."""
    try:
        return pulls.read_all()
    except RedisError:
        return []


def _purpose(purpose: choices.Purpose, models: list[Known]) -> dict[str, Any]:
    chosen = choices.chosen(purpose)
    fitting = [model for model in models if choices.suits(purpose, model)]
    return {
        "value": purpose.value,
        "label": purpose.label,
        "usual": HELP[purpose],
        "operators": choices.operators(purpose),
        "chosen": chosen,
        "gone": chosen if chosen not in [model.name for model in fitting] else "",
        "models": fitting,
    }


def describe() -> list[dict[str, Any]]:
    """Return the models as the API tells them; sizes in bytes, windows in tokens."""
    seen = snapshot.read()
    used = {purpose: choices.model_for(purpose, seen) for purpose in choices.Purpose.values}
    return [_told(shown, used) for shown in installed(seen)]


def _told(shown: Installed, used: dict[str, str]) -> dict[str, Any]:
    model = shown.model
    return {
        "name": model.name,
        "label": model.label,
        "size": model.size,
        "parameters": model.parameters,
        "quantization": model.quantization,
        "family": model.family,
        "capabilities": list(model.capabilities),
        "context": {"window": shown.window, "trained": model.context_length, "loaded": model.num_ctx},
        "keep_alive": shown.row.stays_loaded(),
        "loaded": model.loaded,
        "size_loaded": model.size_loaded,
        "size_vram": model.size_vram,
        "default_for": [purpose for purpose, name in used.items() if name == model.name],
    }
