"""Photos before and after retouching, as training draws them: crops, damaged where there are no pairs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.damage import Damage, is_good
from ..data.thumbnails import Photos

SMALLEST = 0.6
"""The share of each side of a photo that a crop has at least."""
TRIALS = 5
"""How many crops are tried for one that is good itself; else the whole photo is taken."""
COLORS = 2048
"""So many random pixels of a crop stand for it in color statistics."""
BRIGHTNESS, SATURATION = 0.2, 0.1
"""How far the inputs of pairs are changed at most, as factors."""
DAMAGES = 4
"""How often each photo is damaged for validation."""
VALIDATION = 2**32
"""In the place of a seed, which is smaller."""

Picture = NDArray[np.uint8]
"""`(H, W, 3)` or `(n, 3)` uint8, sRGB-encoded."""


def colors_of_crop(
    photos: Photos, index: int, damage: Damage, odd: float, random: np.random.Generator
) -> tuple[Picture, Picture]:
    """`COLORS` colors of a crop of a photo, `(n, 3)`, before and after; of no photo, a fraction `odd` of the times."""
    if photos.inputs is None and random.random() < odd:
        colors = _odd_colors(photos.odd, random)
        return colors, colors
    target = photos.targets[index]
    rows, columns = _window(target, random, good=photos.inputs is None)
    target = target[rows, columns].reshape(-1, 3)
    chosen = random.integers(0, len(target), COLORS)
    if photos.inputs is None:
        return damage.apply(target[chosen], random)
    return photos.inputs[index, rows, columns].reshape(-1, 3)[chosen], target[chosen]


def crop(photos: Photos, index: int, damage: Damage, random: np.random.Generator) -> tuple[Picture, Picture]:
    """A crop of a photo, `(H, W, 3)`, before and after, as it is or mirrored."""
    target = photos.targets[index]
    rows, columns = _window(target, random, good=photos.inputs is None)
    target = target[rows, columns]
    if photos.inputs is None:
        before, after = damage.apply(target.reshape(-1, 3), random)
        source, target = before.reshape(target.shape), after.reshape(target.shape)
    else:
        source = _changed(photos.inputs[index, rows, columns], random)
    flips = slice(None, None, 1 - 2 * int(random.integers(2))), slice(None, None, 1 - 2 * int(random.integers(2)))
    return source[flips], target[flips]


def validation_pairs(photos: Photos, damage: Damage) -> tuple[Picture, Picture]:
    """`(N, size, size, 3)` before and after: the pairs, or each photo damaged several times, always alike."""
    if photos.inputs is not None:
        return photos.inputs, photos.targets
    pairs = [
        damage.apply(target.reshape(-1, 3), np.random.default_rng((VALIDATION, index, draw)))
        for index, target in enumerate(photos.targets)
        for draw in range(DAMAGES)
    ]
    shape = (len(pairs), *photos.targets.shape[1:])
    return np.stack([before for before, _ in pairs]).reshape(shape), np.stack([a for _, a in pairs]).reshape(shape)


def to_planes(pictures: Picture) -> Tensor:
    """`(B, H, W, 3)` uint8, or `(B, n, 3)` as one row, to `(B, 3, H, W)` float32 in [0, 1]."""
    pictures = pictures if pictures.ndim == 4 else pictures[:, None]
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, 1))).float() / 255


def _odd_colors(pictures: Picture | None, random: np.random.Generator) -> Picture:
    """Of a picture that is no photo, of a ramp from black to white, or one color."""
    kind = random.random()
    if kind < 0.1:
        color = random.integers(0, 256, 1 if kind < 0.05 else 3)
        return np.ascontiguousarray(np.broadcast_to(color, (COLORS, 3)), np.uint8)
    if pictures is not None and len(pictures) and kind < 0.75:
        picture = pictures[int(random.integers(len(pictures)))].reshape(-1, 3)
        return picture[random.integers(0, len(picture), COLORS)]
    ramp = random.random(COLORS) ** np.exp(random.uniform(-1, 1))
    return np.repeat(np.rint(255 * ramp).astype(np.uint8)[:, None], 3, axis=1)


def _window(photo: Picture, random: np.random.Generator, good: bool) -> tuple[slice, slice]:
    """Rows and columns of a random crop, one that is good itself if it has to be."""
    height, width = photo.shape[:2]
    for _ in range(TRIALS):
        tall, wide = (round(length * random.uniform(SMALLEST, 1)) for length in (height, width))
        top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
        rows, columns = slice(top, top + tall), slice(left, left + wide)
        if not good or is_good(photo[rows, columns][::4, ::4].reshape(-1, 3)):
            return rows, columns
    return slice(None), slice(None)


def _changed(photo: Picture, random: np.random.Generator) -> Picture:
    """A little brighter or darker, with a little more or less color."""
    brightness, saturation = 1 + random.uniform(-1, 1, 2) * (BRIGHTNESS, SATURATION)
    values = photo * brightness
    gray = values.mean(axis=-1, keepdims=True)
    return np.clip(np.rint(gray + saturation * (values - gray)), 0, 255).astype(np.uint8)
