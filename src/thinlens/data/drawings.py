"""Drawings, text and screens as training material that is free of others' rights: rendered from random numbers.

Photos hold little line art, and what a network has not seen it does badly. Each crop is paper with some layers on it,
one over the other: filled and outlined shapes, strokes, hatching, screentones, gradients, lines of text, and windows as
programs have them. All is drawn at FINER times the size and averaged, but for windows, whose edges are whole pixels.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINER = 3
"""How many times larger shapes are drawn, along each side, than they end."""
LAYERS = (2, 7)
"""At least and at most so many layers are on a crop, its paper aside."""
FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif-Bold")
"""Free fonts that matplotlib carries; those of `OTHER_FONTS` are left for validation."""
OTHER_FONTS = ("STIXGeneral", "STIXGeneralItalic", "cmr10", "cmss10")
LETTERS = string.ascii_letters * 2 + string.digits + "   ,.;:!?-()"

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Random = np.random.Generator


def drawings(count: int, size: int, seed: int = 0, fonts: tuple[str, ...] = FONTS) -> Pixels:
    """`(count, size, size, 3)` uint8, sRGB-encoded; the same for the same seed.

    Raises ImportError, naming the extra, if matplotlib, which carries the fonts and draws letters, is missing.
    """
    if count == 0:
        return np.zeros((0, size, size, 3), np.uint8)
    letters = [_font(name) for name in fonts]
    return np.stack([_drawing(size, np.random.default_rng((seed, index)), letters) for index in range(count)])


def _drawing(size: int, random: Random, fonts: list[Any]) -> Pixels:
    canvas = np.empty((size, size, 3), np.float32)
    canvas[:] = _color(random) if random.random() < 0.4 else 255
    gray = random.random() < 0.4
    for _ in range(random.integers(LAYERS[0], LAYERS[1] + 1)):
        kind = random.choice(len(KINDS) + 2)
        if kind < len(KINDS):
            cover = _averaged(KINDS[kind](size * FINER, random))
        elif kind == len(KINDS):
            cover = _text(size, random, fonts[random.integers(len(fonts))])
        else:
            _window(canvas, random)
            continue
        ink = _color(random) if random.random() < 0.5 else np.zeros(3, np.float32)
        if random.random() < 0.2:
            ink = ink + (_color(random) - ink) * _ramp(size, random)[..., None]
        canvas += (ink - canvas) * cover[..., None]
    if gray:
        canvas[:] = canvas.mean(axis=2, keepdims=True)
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def _color(random: Random) -> NDArray[np.float32]:
    """One color, often a full or a light one."""
    color = random.uniform(0, 255, 3)
    return np.where(random.random(3) < 0.3, np.where(random.random(3) < 0.5, 255, 0), color).astype(np.float32)


def _averaged(plane: NDArray[Any]) -> Plane:
    side = len(plane) // FINER
    return plane.reshape(side, FINER, side, FINER).mean(axis=(1, 3), dtype=np.float32)


def _turned(size: int, random: Random) -> tuple[Plane, Plane]:
    """Coordinates along and across a random direction, from a random point."""
    angle = random.choice([0, np.pi / 2, random.uniform(0, np.pi)], p=[0.15, 0.15, 0.7])
    y, x = np.indices((size, size), np.float32) - random.uniform(0, size, 2).astype(np.float32)[:, None, None]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def _ramp(size: int, random: Random) -> Plane:
    """From 0 to 1 in a random direction, over a random part of the crop."""
    along, _ = _turned(size, random)
    return np.clip(along / (random.uniform(0.3, 1.5) * size) + 0.5, 0, 1).astype(np.float32)


def _distance(size: int, random: Random) -> Plane:
    """How far pixels lie outside of an ellipse, a rectangle or a polygon; negative inside."""
    along, across = _turned(size, random)
    width, height = random.uniform(0.05, 0.5, 2).astype(np.float32) * size
    match int(random.integers(3)):
        case 0:
            return (np.hypot(along / width, across / height) - 1) * min(width, height)
        case 1:
            return np.maximum(np.abs(along) - width, np.abs(across) - height)
        case _:
            angles = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 7))).astype(np.float32)
            sides = [along * np.cos(angle) + across * np.sin(angle) - width for angle in angles]
            return np.maximum(np.max(sides, axis=0), np.hypot(along, across) - 3 * width)


def _filled(size: int, random: Random) -> NDArray[Any]:
    return _distance(size, random) < 0


def _outlined(size: int, random: Random) -> NDArray[Any]:
    return np.abs(_distance(size, random)) < random.uniform(0.4, 3) * FINER / 2


def _strokes(size: int, random: Random) -> NDArray[Any]:
    """Curved lines, some of them thinner towards their ends."""
    cover = np.zeros((size, size), bool)
    for _ in range(random.integers(1, 6)):
        along, across = _turned(size, random)
        bend, length = random.normal(0, 0.4) / size, np.float32(random.uniform(0.2, 1) * size)
        pressure = np.clip(1 - (along / length) ** 2, 0, 1) if random.random() < 0.5 else np.abs(along) < length
        cover |= np.abs(across - bend * along**2) < random.uniform(0.4, 4) * FINER / 2 * pressure
    return cover


def _hatching(size: int, random: Random) -> NDArray[Any]:
    """Parallel lines, or two sets of them, within a shape."""
    spacing = random.uniform(2.5, 12) * FINER
    share = random.uniform(0.15, 0.6)
    lines = np.zeros((size, size), bool)
    for _ in range(random.integers(1, 3)):
        lines |= _turned(size, random)[1] % spacing < share * spacing
    return lines & _filled(size, random)


def _screentone(size: int, random: Random) -> NDArray[Any]:
    """Dots in a square grid, of one size or growing in a direction, within a shape."""
    along, across = _turned(size, random)
    spacing = random.uniform(3, 10) * FINER
    radius = random.uniform(0.15, 0.6) * spacing
    if random.random() < 0.5:
        radius = radius * _ramp(size, random)
    dots = np.hypot(along % spacing - spacing / 2, across % spacing - spacing / 2) < radius
    return dots & _filled(size, random)


KINDS: tuple[Callable[[int, Random], NDArray[Any]], ...] = (_filled, _outlined, _strokes, _hatching, _screentone)


def _window(canvas: Plane, random: Random) -> None:
    """Boxes with borders, as buttons, lists and tables are, on whole pixels."""
    size = len(canvas)
    top, left = random.integers(0, size * 3 // 4, 2)
    rows, columns = random.integers(1, 6, 2)
    height, width = random.integers(8, 40), random.integers(10, 60)
    border, inside, edge = random.integers(1, 3), _color(random), _color(random)
    gap = int(random.integers(0, 8))
    for y in range(top, min(size, top + rows * (height + gap)), height + gap):
        for x in range(left, min(size, left + columns * (width + gap)), width + gap):
            canvas[y : y + height, x : x + width] = edge
            canvas[y + border : y + height - border, x + border : x + width - border] = inside


def _text(size: int, random: Random, font: Any) -> Plane:
    """Lines of random letters at one size, from 6 to 60 pixels high, the same distance apart."""
    cover = np.zeros((size, size), np.float32)
    pixels = float(np.exp(random.uniform(np.log(6), np.log(60))))
    font.set_size(pixels, 72)
    left, y = random.integers(-size // 4, size // 2), int(random.integers(-size // 4, size // 2))
    for _ in range(random.integers(1, 9)):
        count = int(random.integers(2, 3 + int(2.5 * size / pixels)))
        font.set_text("".join(random.choice(list(LETTERS), count)))
        font.draw_glyphs_to_bitmap(antialiased=True)
        line = np.asarray(font.get_image(), np.float32) / 255
        top, start = max(y, 0), max(left, 0)
        part = line[top - y : size - y if y < size else 0, start - left : size - left]
        cover[top : top + len(part), start : start + part.shape[1]] += part
        y += int(pixels * 1.3)
        if y >= size:
            break
    return np.minimum(cover, 1)


def _font(name: str) -> Any:
    try:
        from matplotlib import get_data_path
        from matplotlib.ft2font import FT2Font
    except ImportError:
        raise ImportError("drawings need matplotlib for their letters: pip install 'thinlens[drawings]'") from None
    return FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"))
