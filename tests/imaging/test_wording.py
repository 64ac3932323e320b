from __future__ import annotations

import pytest

from imaging import wording


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("A photorealistic image of a fox in the snow.", "An image of a fox in the snow."),
        ("A fox stands in the snow, 8k, masterpiece.", "A fox stands in the snow."),
        ("Masterpiece, best quality, a fox stands in the snow", "A fox stands in the snow."),
        ("A highly detailed, sharp focus portrait of a man.", "A portrait of a man."),
        ("A fox in snow. Ultra-realistic, 4K UHD, award-winning.", "A fox in snow."),
        (
            'A shop sign that says "Хлеб" hangs above a door.',
            'A shop sign that says "Хлеб" hangs above a door.',
        ),
        ('A shop sign reads "OPEN"', 'A shop sign reads "OPEN".'),
        ('"A fox stands in the snow."', "A fox stands in the snow."),
        ('"OPEN" and "CLOSED"', '"OPEN" and "CLOSED".'),
        (
            'A poster says "8K TV, masterpiece" in an 8k room.',
            'A poster says "8K TV, masterpiece" in a room.',
        ),
        (
            "A 4K television and an HDR monitor stand there.",
            "A 4K television and an HDR monitor stand there.",
        ),
        ("  A fox\n\nstands\there.  ", "A fox stands here."),
        ("A fox stands here", "A fox stands here."),
        ("The number 8k12 stays on the plate!", "The number 8k12 stays on the plate!"),
    ],
)
def test_junk_goes_and_the_sentence_stays(told: str, kept: str) -> None:
    assert wording.clean_prompt(told) == kept


@pytest.mark.parametrize(
    "told",
    ["", "fox", "8k, masterpiece", "Рыжая лиса стоит в снегу.", "I cannot draw that for you.",
     "I’m sorry, that is not possible.", "fox, snow, sunset, red fur, dusk, cold"],
)  # fmt: skip
def test_what_is_no_prompt_is_refused(told: str) -> None:
    with pytest.raises(ValueError):
        wording.clean_prompt(told)


def test_a_long_prompt_ends_after_a_sentence() -> None:
    kept = wording.clean_prompt("A fox stands in the snow. " * 200)
    assert len(kept) <= wording.LONGEST_PROMPT
    assert kept.endswith("snow.")


def test_a_text_without_sentences_is_cut_after_a_word() -> None:
    assert wording.shorten("wolves " * 100, 20) == "wolves wolves"
