"""What an order of a picture says, and whether it can be carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from imaging import seeds, shaping, wording
from imaging.models import MOST_VARIANTS, GeneratedImage, ImageJob, SourcePicture, Workflow

LONGEST_DESCRIPTION = 4000  # characters
LONGEST_SEED = 20  # digits; Python reads no number of thousands
LEAST_SIDE, GREATEST_SIDE, STEP = 256, 2048, 16  # pixels


@dataclass(frozen=True)
class Order:
    """What a job is made of. With a `prompt` no model is asked for words."""

    description: str
    width: int
    height: int
    variants: int = 1
    seed: str = ""
    source: SourcePicture | GeneratedImage | None = None
    strength: str = ""
    denoise: float | None = None
    prompt_first: bool = False
    prompt: str = ""
    vision_text: str = ""
    change: str = ""
    settings: dict[str, Any] | None = None
    own_steps: int | None = None
    workflow: Workflow | None = None


def _invalid(field: str, sentence: Any, code: Code = Code.INVALID) -> AppError:
    return AppError(sentence, code=code, fields={field: [sentence]})


def checked_description(text: str) -> str:
    """Return a description as it is kept. Raises AppError (invalid, too_large)."""
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text:
        raise _invalid("description", _("Describe the picture first."))
    if len(text) > LONGEST_DESCRIPTION:
        sentence = _("This is too long: %(n)d characters, at most %(most)d.")
        told = sentence % {"n": len(text), "most": LONGEST_DESCRIPTION}
        raise _invalid("description", told, Code.TOO_LARGE)
    return text


def checked_side(field: str, value: int | None, usual: int) -> int:
    """Return a side in pixels: the wanted, else the usual one. Raises AppError."""
    value = usual if value is None else value
    if not LEAST_SIDE <= value <= GREATEST_SIDE or value % STEP:
        sentence = _("Width and height are multiples of %(step)d between %(least)d and %(most)d pixels.")
        raise _invalid(field, sentence % {"step": STEP, "least": LEAST_SIDE, "most": GREATEST_SIDE})
    return value


def checked_variants(count: int) -> int:
    """Return how many are drawn. Raises AppError."""
    if not 1 <= count <= MOST_VARIANTS:
        sentence = _("Between 1 and %(most)d variants can be drawn at once.")
        raise _invalid("variants", sentence % {"most": MOST_VARIANTS})
    return count


def checked_seed(seed: str | int | None) -> str:
    """Return a seed as text, "" for a random one. Raises AppError."""
    text = "" if seed is None else str(seed).strip()
    digits = text.isascii() and text.isdecimal() and len(text) <= LONGEST_SEED
    if text and not (digits and int(text) <= seeds.GREATEST):
        raise _invalid("seed", _("A seed is a whole number from 0 to 18446744073709551615."))
    return str(int(text)) if text else ""


def checked_strength(strength: str) -> str:
    """Return how much may change, "" when the model decides. Raises AppError."""
    if strength not in ("", *ImageJob.Strength.values):
        raise _invalid("strength", _("The strength is keep, balanced or free."))
    return strength


def checked_denoise(denoise: float | None) -> float | None:
    """Return a share of 1, None when it is not said. Raises AppError."""
    if denoise is not None and not shaping.LEAST_DENOISE <= denoise <= shaping.WHOLE:
        raise _invalid("denoise", _("Denoise is a number from 0.05 to 1."))
    return denoise


def checked_prompt(prompt: str) -> str:
    """Return a prompt that a person wrote, on one line. Raises AppError."""
    prompt = wording.tidy(prompt)
    if not prompt or len(prompt) > LONGEST_DESCRIPTION:
        sentence = _("A prompt has between 1 and %(most)d characters.")
        raise _invalid("prompt", sentence % {"most": LONGEST_DESCRIPTION})
    return prompt


def checked_settings(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what a person may set themselves."""
    told: dict[str, Any] = {}
    try:
        if chosen.get("denoise") is not None:
            told["denoise"] = checked_denoise(float(chosen["denoise"]))
        if chosen.get("steps") is not None:
            told["steps"] = shaping.clamp(int(chosen["steps"]), 1, 50)
    except (ValueError, TypeError, OverflowError):
        raise AppError(_("Steps and denoise are numbers."), code=Code.INVALID) from None
    return told
