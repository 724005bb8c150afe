"""What pixels tell of a JPEG file that they once were: its grid of blocks, and the steps that it was quantized with.

A block of 8×8 pixels of a JPEG file has coefficients that are multiples of a step, many of them zero; blocks at any
other place have no such coefficients [Fan2003]. So a few small regions are looked at, at all 64 places that the grid
may have: where by far the most coefficients are empty, there it is. The coefficients of the blocks there lie on combs,
whose teeth are the steps.

Resizing wipes all of this out, and with it most of the harm; turning, mirroring and cropping do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program.ops import LUMA_WEIGHTS
from .quality import STANDARD, of_ratio

BLOCK = 8
BLOCKS = 4
"""Blocks along each side of a region."""
SIDE = BLOCK * (BLOCKS + 1) - 1
"""Pixels along each side of a region: as many blocks wherever the grid begins."""
ACROSS, TAKEN = 5, 12
"""Regions looked at along each side of a picture, and how many of them are taken, those with the most detail."""
FREQUENCIES = (1, 2, 3, 5)
"""Of the coefficients that are counted, along both axes."""
EMPTY = 0.8
"""The largest size of an empty coefficient: decoding rounds, which leaves about 0.35."""
MANY = 20
"""Coefficients that are not empty below which their number says less."""
CERTAIN = 6.5
"""How many standard deviations below the others the logarithm of the count at the place of the grid must be."""
STEPS = np.arange(1, 65)
"""The steps that are looked for."""
COMBED = tuple((y, x) for y in range(5) for x in range(5) if 0 < x + y < 5)
"""Rows and columns of the coefficients whose steps are looked for."""
WHOLE = 0.1
"""The share of blocks in which nothing is cut off from which the others are left out."""
FEWEST, FITTING = 8, 0.35
"""Coefficients that are not empty, from which a step can be told, and how well they must fit it, from -1 to 1."""
BIN, REACH = 0.25, 128.0
"""Coefficients are counted in bins of this width up to this size."""


@dataclass(frozen=True)
class Grid:
    """The traces of a JPEG file: where its blocks begin, `(y, x)` below 8, and its quality from 1 to 100."""

    place: tuple[int, int]
    quality: float


def find_grid(bands: Iterable[NDArray[Any]], shape: Sequence[int]) -> Grid | None:
    """The grid of the JPEG file that a picture was made of, None if nothing is seen of one.

    It comes in bands of rows, `(rows, W)` or `(rows, W, channels)` with alpha last, uint8, uint16 or float32 in [0, 1];
    `shape` is that of the whole, `(H, W)` or `(H, W, channels)`.
    """
    corners = _corners(shape)
    if not corners:
        return None
    regions, cut = _luma(_gathered(bands, shape, corners))
    best = np.argsort(_detail(regions) * (1 - cut.mean(axis=(1, 2))) ** 8)[::-1][:TAKEN]
    regions, cut, corners = regions[best], cut[best], [corners[index] for index in best]
    full = np.log(_full(regions, corners) + MANY)
    place = divmod(int(full.argmin()), BLOCK)
    elsewhere = np.delete(np.delete(full, place[0], 0), place[1], 1)  # the same row or column has some of it
    if elsewhere.mean() - full[place] < CERTAIN * elsewhere.std():
        return None
    whole = _blocks(cut.astype(np.float32), corners, place).max(axis=(1, 2)) == 0
    blocks = _blocks(regions, corners, place)
    quality = _quality(_cosines() @ (blocks[whole] if whole.mean() > WHOLE else blocks) @ _cosines().T)
    return None if quality is None else Grid(place, quality)


def _corners(shape: Sequence[int]) -> list[tuple[int, int]]:
    """The upper left corners of the regions to look at, spread over a picture; none if it is too small."""
    along = [min(ACROSS, size // SIDE) for size in shape[:2]]
    rows, columns = (
        [(2 * index + 1) * size // (2 * count) - SIDE // 2 for index in range(count)]
        for count, size in zip(along, shape[:2], strict=True)
    )
    return [(y, x) for y in rows for x in columns]


def _gathered(bands: Iterable[NDArray[Any]], shape: Sequence[int], corners: list[tuple[int, int]]) -> NDArray[Any]:
    """The regions `(channels, n, SIDE, SIDE)` of a picture in bands, without alpha."""
    channels = 3 if len(shape) == 3 and shape[2] >= 3 else 1
    regions: NDArray[Any] | None = None
    top = 0
    for band in bands:
        colors = np.moveaxis(np.atleast_3d(band), 2, 0)[:channels]
        if regions is None:
            regions = np.empty((channels, len(corners), SIDE, SIDE), band.dtype)
        for index, (y, x) in enumerate(corners):
            first, last = max(y, top), min(y + SIDE, top + len(band))
            if first < last:
                inside = colors[:, first - top : last - top, x : x + SIDE]
                regions[:, index, first - y : last - y] = inside
        top += len(band)
    assert regions is not None
    return regions


def _luma(regions: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`(channels, n, SIDE, SIDE)` to luma `(n, SIDE, SIDE)` from 0 to 255, and where a channel was cut off."""
    peak = 1 if regions.dtype.kind == "f" else np.iinfo(regions.dtype).max
    weights = np.array(LUMA_WEIGHTS if len(regions) == 3 else (1,), np.float32) * np.float32(255 / peak)
    luma = np.tensordot(weights, regions.astype(np.float32), 1)
    return luma, (regions.min(axis=0) <= 0) | (regions.max(axis=0) >= peak)


def _detail(regions: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much there is to see in each region."""
    return np.abs(np.diff(regions, axis=2)).mean(axis=(1, 2))


def _full(regions: NDArray[np.float32], corners: list[tuple[int, int]]) -> NDArray[np.int64]:
    """`(8, 8)`: for each place of the grid how many of the coefficients are not empty."""
    sliding = _sliding()
    full = np.abs(sliding.T @ regions @ sliding) > EMPTY
    parts = (len(regions), len(FREQUENCIES), BLOCKS, BLOCK, len(FREQUENCIES), BLOCKS, BLOCK)
    by_place = full.view(np.uint8).reshape(parts).sum(axis=1, dtype=np.uint8).sum(axis=1, dtype=np.uint8)
    by_place = by_place.sum(axis=2, dtype=np.uint8).sum(axis=2, dtype=np.int64)
    total = np.zeros((BLOCK, BLOCK), np.int64)
    y, x = np.array(corners).T
    places = np.arange(BLOCK)
    rows, columns = (y[:, None, None] + places[:, None]) % BLOCK, (x[:, None, None] + places) % BLOCK
    np.add.at(total, (rows, columns), by_place)
    return total


def _blocks(
    regions: NDArray[np.float32], corners: list[tuple[int, int]], place: tuple[int, int]
) -> NDArray[np.float32]:
    """The blocks `(n, 8, 8)` of a grid that lie in regions, as many in each."""
    found: list[NDArray[np.float32]] = []
    for region, (y, x) in zip(regions, corners, strict=True):
        top, left = (place[0] - y) % BLOCK, (place[1] - x) % BLOCK
        inside = region[top : top + BLOCKS * BLOCK, left : left + BLOCKS * BLOCK]
        found.append(inside.reshape(BLOCKS, BLOCK, BLOCKS, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK))
    return np.concatenate(found)


def _quality(blocks: NDArray[np.float32]) -> float | None:
    """The quality of the standard's tables whose steps are nearest to those of the blocks; None if none is seen."""
    ratios: list[float] = []
    combs = _combs()
    for y, x in COMBED:
        sizes = np.abs(blocks[:, y, x])
        sizes = sizes[(sizes > EMPTY) & (sizes < REACH)]
        if len(sizes) < FEWEST:
            continue
        counts = np.bincount((sizes / BIN + 0.5).astype(np.int64), minlength=combs.shape[1])
        fits = combs @ counts / len(sizes)
        if fits.max() > FITTING:
            ratios.append(STEPS[fits.argmax()] / STANDARD[y, x])
    return of_ratio(float(np.median(ratios))) if ratios else None


def apparent_quality(table: NDArray[np.float64]) -> float:
    """The quality that pictures of files with a table of steps `(8, 8)` show; less than it is worth if it is flat."""
    return of_ratio(float(np.median([table[place] / STANDARD[place] for place in COMBED])))


@cache
def _cosines() -> NDArray[np.float32]:
    """The DCT of 8 values, orthonormal: a row for each frequency."""
    frequency, place = np.indices((BLOCK, BLOCK))
    rows = np.cos(np.pi * (2 * place + 1) * frequency / (2 * BLOCK)) * 0.5
    rows[0] *= 0.5**0.5
    return rows.astype(np.float32)


@cache
def _sliding() -> NDArray[np.float32]:
    """`(SIDE, frequencies · places)`: the DCT of the values at every place of a row."""
    places = BLOCKS * BLOCK
    result = np.zeros((SIDE, len(FREQUENCIES), places), np.float32)
    for index, frequency in enumerate(FREQUENCIES):
        for place in range(places):
            result[place : place + BLOCK, index, place] = _cosines()[frequency]
    return result.reshape(SIDE, -1)


@cache
def _combs() -> NDArray[np.float64]:
    """`(steps, bins)`: how well a coefficient of the size of a bin fits a step, from -1 to 1.

    Rounding blurs the teeth: of a step and the parts of it, which have all its teeth and more, it fits best itself.
    """
    sizes = np.arange(int(REACH / BIN) + 1) * BIN
    fit = np.cos(2 * np.pi * sizes / STEPS[:, None])
    fit[sizes < STEPS[:, None] / 2] = -1  # what is not empty cannot belong to the tooth at 0
    return fit
