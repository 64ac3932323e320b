"""Which model is the default for what: the operator's word, else an admin's choice, else a rule."""

from __future__ import annotations

from django.conf import settings

from gpu.models import ModelChoice
from gpu.snapshot import Known, Snapshot

Purpose = ModelChoice.Purpose
CHAT, VISION, TITLE, PROMPT = Purpose.CHAT, Purpose.VISION, Purpose.TITLE, Purpose.PROMPT


def model_for(purpose: str, seen: Snapshot) -> str:
    """Return the name of the model for a purpose.

    "" is: no model can do it, and for titles: the one that has just answered.
    """
    for name in (operators(purpose), chosen(purpose)):
        model = seen.find(name) if name else None
        if model and suits(purpose, model):
            return model.name
    return _usual(purpose, seen)


def operators(purpose: str) -> str:
    """Return what the operator has set in the environment or in `.env`, "" when it is left to admins."""
    given: dict[str, str] = settings.OPERATOR_MODELS
    return given.get(purpose, "")


def chosen(purpose: str) -> str:
    """Return an admin's choice, "" when there is none; it may have been deleted meanwhile."""
    choice = ModelChoice.objects.filter(purpose=purpose).first()
    return choice.name if choice else ""


def suits(purpose: str, model: Known) -> bool:
    """Whether a model can do what the purpose asks for."""
    return model.sees if purpose == VISION else model.chats


def _usual(purpose: str, seen: Snapshot) -> str:
    if purpose == TITLE:
        return ""
    if purpose == PROMPT:
        return model_for(CHAT, seen)
    if purpose == CHAT:
        return seen.default_model()
    usual = seen.find(settings.OLLAMA_VISION_MODEL)
    seeing = [usual] if usual and usual.sees else [model for model in seen.models if model.sees]
    return seeing[0].name if seeing else ""
