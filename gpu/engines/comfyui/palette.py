"""Colours that the words of a prompt ask for, in English and Russian."""

from __future__ import annotations

import colorsys
import hashlib
import random

Colour = tuple[int, int, int]
NAMED: dict[str, Colour] = {
    "red красн scarlet алый": (214, 62, 58),
    "orange оранж amber янтар": (238, 140, 52),
    "yellow жёлт желт gold золот": (246, 204, 78),
    "green зелен зелён emerald изумруд": (78, 168, 96),
    "teal turquoise бирюз": (62, 170, 170),
    "blue син azure лазур": (64, 110, 214),
    "cyan голуб": (98, 188, 232),
    "purple violet фиолет лилов сирен": (136, 88, 196),
    "pink роз": (240, 142, 178),
    "brown коричнев": (134, 92, 62),
    "white бел snow снег": (240, 242, 246),
    "black черн чёрн": (34, 36, 44),
    "grey gray сер": (140, 146, 156),
}
MOODS: dict[str, tuple[float, float]] = {  # hue and how light the sky is
    "night ноч star звёзд звезд space космос midnight полноч": (0.64, 0.16),
    "sunset закат dusk сумерк evening вечер": (0.04, 0.62),
    "sunrise рассвет dawn morning утр": (0.09, 0.74),
    "forest лес jungle meadow луг": (0.33, 0.62),
    "sea море ocean океан beach пляж lake озер": (0.54, 0.70),
    "desert пустын sand песок": (0.11, 0.76),
    "winter зим ice лёд": (0.57, 0.86),
    "fire огонь lava volcano вулкан": (0.01, 0.36),
}


def has(text: str, stems: str) -> bool:
    """Returns whether a word of `text` begins with one of the stems."""
    return any(word.startswith(stem) for word in words(text) for stem in stems.split())


def words(text: str) -> list[str]:
    """Returns the words in lower case, without their punctuation."""
    return ["".join(letter for letter in word if letter.isalnum()) for word in text.lower().split()]


def palette(text: str, rng: random.Random) -> list[Colour]:
    """Returns five colours, the sky's two first; the same words give related ones with any seed."""
    named = [colour for stems, colour in NAMED.items() if has(text, stems)]
    hue, light = _mood(text, named)
    hue += rng.uniform(-0.04, 0.04)
    sky = [_tone(hue, light, 0.62), _tone(hue + 0.08, min(light + 0.2, 0.94), 0.55)]
    grounds = [shade(named[0], 0.7)] if named else []
    made = [_tone(hue + shift, 0.5, 0.5) for shift in (0.5, 0.62, 0.38)]
    return [*sky, *(named[:1] + grounds + named[1:] + made)[:3]]


def _mood(text: str, named: list[Colour]) -> tuple[float, float]:
    """Returns the sky's hue and how light it is: by the hour or place, the first colour, or chance."""
    for stems, mood in MOODS.items():
        if has(text, stems):
            return mood
    digest = hashlib.sha256(" ".join(sorted(words(text))).encode()).digest()
    light = 0.45 + digest[1] / 255 * 0.35
    if named:
        red, green, blue = (part / 255 for part in named[0])
        return colorsys.rgb_to_hls(red, green, blue)[0], light
    return digest[0] / 255, light


def shade(colour: Colour, factor: float) -> Colour:
    """Returns the colour darker (factor below 1) or lighter."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in colour)
    return red, green, blue


def _tone(hue: float, light: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, light, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
