"""Every stage, notice and failure in words: what happened, is the work safe, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from imaging.workflows import errors

Sentence = str | Promise

STAGES: dict[str, Sentence] = {
    "queued": _("In line"),
    "describing": _("Looking at the picture"),
    "prompting": _("Finding the words"),
    "shaping": _("Choosing the settings"),
    "reviewing": _("The prompt is ready: draw it, or change it first"),
    "waiting": _("Waiting for the card"),
    "rendering": _("Drawing"),
    "saving": _("Saving"),
    "done": _("Done"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
}

ERRORS: dict[str, Sentence] = {
    "comfyui_down": _(
        "ComfyUI does not answer at %(url)s. What was finished is kept; try again when ComfyUI is running."
    ),
    "comfyui_lost": _(
        "ComfyUI was restarted twice while it was drawing. What was finished is kept; try again."
    ),
    "comfyui_timeout": _(
        "ComfyUI made no progress for %(seconds)s seconds, so the picture was taken back."
        " What was finished is kept; try again, or ask the operator to look at ComfyUI."
    ),
    "comfyui_failed": _("ComfyUI met an error of its own. What was finished is kept; try again."),
    "interrupted": _("Somebody stopped this picture in ComfyUI. What was finished is kept; try again."),
    "out_of_memory": _(
        "The card ran out of memory. What was finished is kept; choose a smaller size or fewer variants,"
        " and try again."
    ),
    "node_failed": _(
        "ComfyUI failed at the step “%(title)s”. What was finished is kept;"
        " try again, or ask the operator to look at the workflow."
    ),
    "workflow_refused": _(
        "ComfyUI refuses the workflow at “%(title)s”, field “%(field)s”: %(reason)s."
        " Your description is saved; ask the operator to look at the workflow."
    ),
    "workflow_broken": _(
        "Pictures are being set up: the workflow cannot be used. Your description is saved;"
        " try again when the operator has looked at it."
    ),
    "workflow_problem": "%(why)s",
    "model_missing": _(
        "ComfyUI has no model %(model)s. Your description is saved; ask the operator to put its file in"
        " place, then try again."
    ),
    "no_output": _("ComfyUI ended without a picture. Your description is saved; try again."),
    "output_unreadable": _("What ComfyUI drew is no picture that can be read. Try again."),
    "not_stored": _(
        "The picture was drawn but could not be stored, most likely because the disk is full."
        " What was finished before is kept; tell the admin, then try again."
    ),
    "source_gone": _("The picture to start from is no longer there. Choose another one and try again."),
    "worker_lost": _(
        "The app was restarted several times while it worked on this picture. What was finished is kept;"
        " try again."
    ),
    "unexpected": _("Something unforeseen went wrong. What was finished is kept; try again."),
}

NOTICES: dict[str, Sentence] = {
    "no_ollama": _("No language model was there to help, so your own words were used as the prompt."),
    "toy_model": _(
        "The built-in toy model is too small to find the words for a picture, so your own words were used."
        " With a real Ollama they become an English prompt."
    ),
    "prompt_unusable": _("The language model gave no usable prompt, so your own words were used."),
    "prompt_unreachable": _("The language model did not answer, so your own words were used as the prompt."),
    "settings_default": _("The language model gave no usable settings, so the usual ones were used."),
    "workflow_builtin": _(
        "The operator's own workflow cannot be used now, so the built-in one has drawn this."
    ),
    "other_model": _("Another model has drawn the picture that is varied, so these may look different."),
    "no_vision": _(
        "No model that can see is installed, so the picture was changed going by your words alone."
    ),
    "vision_failed": _("The picture could not be looked at, so it was changed going by your words alone."),
}

STATUSES: dict[str, Sentence] = {
    "failed": _("The picture failed. What was finished is kept; try again."),
    "cancelled": _("Cancelled. What was finished is kept."),
}


class _Named(dict[str, Any]):
    """Values for a sentence; one that is not known is left empty."""

    def __missing__(self, name: str) -> str:
        return ""


def stage(status: str) -> str:
    """Return a job's stage in words."""
    return str(STAGES.get(status, status))


def explain(status: str, code: str, about: dict[str, Any]) -> str:
    """Return the sentence for how a job ended; "" for one that runs or is done."""
    if status not in STATUSES:
        return ""
    problem = str(about.get("problem", ""))
    if problem in errors.SENTENCES:
        return errors.explain(problem, _Named(about))
    sentence = ERRORS.get(code) or STATUSES[status]
    return str(sentence) % _Named(about) if "%(" in str(sentence) else str(sentence)


def notice_lines(codes: Iterable[str]) -> list[str]:
    """Return what should be known of how a picture was made."""
    return [str(NOTICES[code]) for code in codes if code in NOTICES]
