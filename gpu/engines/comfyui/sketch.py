"""A small landscape for any prompt: the words choose colours and things, the seed where they are."""

from __future__ import annotations

import hashlib
import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from gpu.engines.comfyui.palette import Colour, has, palette, shade, words

WATERMARK = "sketch by the built-in stand-in"
NIGHT = "night ноч star звёзд звезд space космос moon лун midnight полноч"
WATER = "sea море ocean океан lake озер river рек beach пляж water вод ship кораб"
TREES = "forest лес tree дерев park парк wood ёлк елк pine сосн jungle"
TOWN = "city город town house дом street улиц building здани castle замок village дерев"
CREATURE = "cat кот кош dog соба fox лис fennec animal звер bear медвед rabbit кролик girl девоч"


def sketch(text: str, seed: int, size: tuple[int, int], index: int = 0) -> Image.Image:
    """Returns an RGB picture; the same arguments give the same pixels."""
    key = f"{' '.join(words(text))}\n{seed}\n{index}"
    rng = random.Random(hashlib.sha256(key.encode()).digest())
    colours = palette(text, rng)
    picture = _sky(size, colours)
    draw = ImageDraw.Draw(picture)
    if has(text, NIGHT):
        _stars(draw, size, rng)
    _sun(picture, rng, colours[2])
    layers = 3 + rng.randrange(2)
    for layer in range(layers):
        ground = shade(colours[3 + layer % 2], 0.95 - 0.55 * layer / layers)
        line = _ridge(draw, size, rng, ground, layer / layers)
        _things(draw, text, line, rng, shade(ground, 0.72))
    if has(text, WATER):
        _water(picture, colours[1])
    if has(text, CREATURE):
        _creature(draw, size, rng, colours[2])
    return picture


def mixed(source: Image.Image, drawn: Image.Image, denoise: float) -> Image.Image:
    """Returns img2img's result: the source at denoise 0, the drawing (with its shadow) at 1."""
    base = ImageOps.fit(source.convert("RGB"), drawn.size)
    return Image.blend(base, drawn, max(0.0, min(denoise, 1.0)) ** 1.5)


def noisy(picture: Image.Image, done: float, seed: int) -> Image.Image:
    """Returns a preview of at most 512 px as it looks when the part `done` (0 to 1) of the steps is over."""
    small = picture.copy()
    small.thumbnail((512, 512))
    grains = random.Random(seed).randbytes(64 * 64 * 3)
    noise = Image.frombytes("RGB", (64, 64), grains).resize(small.size)
    blurred = small.filter(ImageFilter.GaussianBlur(24 * (1 - done)))
    return Image.blend(noise, blurred, min(0.25 + done, 1.0))


def watermarked(picture: Image.Image) -> Image.Image:
    """Returns the picture with the stand-in's name in its corner."""
    marked = picture.copy()
    height = max(9, marked.height // 40)
    font = ImageFont.load_default(size=height)
    draw = ImageDraw.Draw(marked, "RGBA")
    wide = draw.textlength(WATERMARK, font=font)
    left, top = marked.width - wide - height, marked.height - 2 * height
    draw.rectangle((left - height / 2, top - height / 4, marked.width, marked.height), fill=(0, 0, 0, 96))
    draw.text((left, top), WATERMARK, font=font, fill=(255, 255, 255, 230))
    return marked


def _sky(size: tuple[int, int], colours: list[Colour]) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L"), colours[0], colours[1]).resize(size)


def _stars(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: random.Random) -> None:
    for _ in range(120):
        left, top, wide = rng.random() * size[0], rng.random() * size[1] * 0.7, rng.random() * size[0] / 300
        draw.ellipse((left, top, left + wide, top + wide), fill=(255, 255, 240))


def _sun(picture: Image.Image, rng: random.Random, colour: Colour) -> None:
    wide, high = picture.size
    radius = min(wide, high) * rng.uniform(0.07, 0.13)
    left, top = wide * rng.uniform(0.15, 0.85), high * rng.uniform(0.14, 0.4)
    glow = Image.new("RGB", picture.size)
    draw = ImageDraw.Draw(glow)
    for step in range(6, 0, -1):
        reach = radius * (1 + step * 0.35)
        draw.ellipse((left - reach, top - reach, left + reach, top + reach), fill=shade(colour, 0.3 / step))
    picture.paste(ImageChops.screen(picture, glow))
    disc = (left - radius, top - radius, left + radius, top + radius)
    ImageDraw.Draw(picture).ellipse(disc, fill=shade(colour, 1.25))


def _ridge(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: random.Random, colour: Colour, depth: float
) -> list[tuple[float, float]]:
    wide, high = size
    waves = [(rng.uniform(1, 7), rng.uniform(0, math.tau), rng.uniform(0.01, 0.05)) for _ in range(4)]
    level = 0.5 + 0.36 * depth
    line = [
        (wide * step / 64, high * (level + sum(w * math.sin(f * step / 10 + p) for f, p, w in waves)))
        for step in range(65)
    ]
    draw.polygon([(0, high), *line, (wide, high)], fill=colour)
    return line


def _things(
    draw: ImageDraw.ImageDraw, text: str, line: list[tuple[float, float]], rng: random.Random, colour: Colour
) -> None:
    unit = line[-1][0] / 40
    for left, top in rng.sample(line, 12):
        tall = unit * rng.uniform(1.2, 3.2)
        if has(text, TREES):
            points = [(left - tall / 3, top + unit), (left, top - tall), (left + tall / 3, top + unit)]
            draw.polygon(points, fill=colour)
        elif has(text, TOWN):
            draw.rectangle((left, top - tall, left + unit * 1.4, top + unit), fill=colour)
            draw.rectangle((left + unit / 3, top - tall / 2, left + unit, top), fill=shade(colour, 1.9))


def _water(picture: Image.Image, colour: Colour) -> None:
    wide, high = picture.size
    shore = high * 3 // 4
    mirror = ImageOps.flip(picture.crop((0, shore - (high - shore), wide, shore)))
    tint = Image.new("RGB", mirror.size, colour)
    picture.paste(Image.blend(mirror.filter(ImageFilter.BoxBlur(wide / 200)), tint, 0.45), (0, shore))


def _creature(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: random.Random, colour: Colour) -> None:
    unit = min(size) / 14
    left, ground = size[0] * rng.uniform(0.3, 0.7), size[1] * 0.9
    dark = shade(colour, 0.55)
    draw.ellipse((left - unit * 1.6, ground - unit * 3, left + unit * 1.6, ground), fill=colour)
    for side in (-1, 1):
        ear = [
            (left + side * unit * place, ground - unit * up)
            for place, up in ((0.2, 4), (1.1, 6.2), (1.3, 3.6))
        ]
        draw.polygon(ear, fill=dark)
    draw.ellipse((left - unit * 1.3, ground - unit * 5, left + unit * 1.3, ground - unit * 2.6), fill=colour)
    for part in (-0.5, 0.5):
        eye = (
            left + part * unit - unit / 6,
            ground - unit * 4.1,
            left + part * unit + unit / 6,
            ground - unit * 3.7,
        )
        draw.ellipse(eye, fill=(20, 22, 28))
