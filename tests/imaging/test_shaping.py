from __future__ import annotations

from typing import Any

import pytest

from imaging import shaping


@pytest.mark.parametrize("change", shaping.CHANGES)
@pytest.mark.parametrize("denoise", [-1, 0, 0.5, 0.6, 0.7, 1, 99])
@pytest.mark.parametrize("strength", ["", "keep", "balanced", "free"])
def test_denoise_never_leaves_what_the_kind_of_change_allows(
    change: str, denoise: float, strength: str
) -> None:
    low, high = shaping.CHANGES[change]
    proposed = {"denoise": denoise, "steps": 27}
    chosen = shaping.settings_for(change=change, proposed=proposed, strength=strength)
    assert low - 0.001 <= chosen["denoise"] <= high + 0.001


def test_colours_change_between_055_and_065() -> None:
    assert shaping.CHANGES["colour"] == (0.55, 0.65)


@pytest.mark.parametrize(("steps", "kept"), [(1, 25), (25, 25), (27, 27), (30, 30), (500, 30)])
def test_steps_stay_between_25_and_30(steps: int, kept: int) -> None:
    assert shaping.settings_for(change="colour", proposed={"steps": steps})["steps"] == kept


def test_what_flux_wants_is_fixed() -> None:
    proposed = {"cfg": 7, "guidance": 9, "sampler": "dpmpp_2m", "scheduler": "karras"}
    chosen = shaping.settings_for(change="style", proposed=proposed)
    assert (chosen["cfg"], chosen["guidance"]) == (1.0, 3.5)
    assert (chosen["sampler"], chosen["scheduler"]) == ("euler", "simple")


def test_a_picture_from_words_alone_is_drawn_whole() -> None:
    assert shaping.settings_for()["denoise"] == 1.0


@pytest.mark.parametrize(("wish", "kept"), [(0.95, 0.95), (0.0, 0.05), (3.0, 1.0)])
def test_a_persons_own_denoise_is_only_kept_possible(wish: float, kept: float) -> None:
    assert shaping.settings_for(change="colour", denoise=wish)["denoise"] == kept


@pytest.mark.parametrize(
    "data",
    [{}, {"change": "colour"}, {"change": "magic", "denoise": 0.6, "steps": 28},
     {"change": "colour", "denoise": "half", "steps": 28}, {"change": "colour", "denoise": None, "steps": 28},
     {"change": "colour", "denoise": float("nan"), "steps": 28}],
)  # fmt: skip
def test_rubbish_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        shaping.check(data)


def test_the_american_spelling_is_understood() -> None:
    assert shaping.check({"change": "Color", "denoise": 9, "steps": "28"})["change"] == "colour"
