"""The NumPy reference of the operations of color tables: slow, obvious, never optimized."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .color_ops import (
    FLATTEST,
    HUES,
    LUMA_BANDS,
    QUANTILES,
    SCARCE,
    ColorStatistics,
    ColorTable,
    InstanceNorm,
    MixTables,
    StridedConvolution,
    Thumbnail,
)
from .ops import LUMA_WEIGHTS

Planes = NDArray[Any]
Table = NDArray[np.float32]


def thumbnail(op: Thumbnail, source: Planes) -> Planes:
    """`(3, H, W)` to `(3, size, size)`, rows first, then columns."""
    for axis in (1, 2):
        low, high, fraction = bilinear_taps(source.shape[axis], op.size)
        shape = (op.size, 1) if axis == 1 else (op.size,)
        weight = fraction.reshape(shape)
        source = np.take(source, low, axis) * (1 - weight) + np.take(source, high, axis) * weight
    return source


def bilinear_taps(length: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `size` pixels along a side of `length`: the pixels below and above it, the weight of the second."""
    position = np.maximum((np.arange(size) + 0.5) * (length / size) - 0.5, 0)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (position - low).astype(np.float32)


def strided_convolution(op: StridedConvolution, source: Planes) -> Planes:
    """`(in, H, W)` to `(out, …, …)`: a sum over the taps, every `stride`-th pixel of one shifted copy at a time."""
    outputs, _, kernel, _ = op.weight.shape
    padded = np.pad(source, [(0, 0), (op.padding, op.padding), (op.padding, op.padding)])
    height, width = ((length - kernel) // op.stride + 1 for length in padded.shape[1:])
    total = np.zeros((outputs, height, width), source.dtype)
    for y in range(kernel):
        for x in range(kernel):
            taken = padded[:, y :: op.stride, x :: op.stride][:, :height, :width]
            total += np.tensordot(op.weight[:, :, y, x], taken, axes=1)
    return total if op.bias is None else total + op.bias[:, None, None]


def instance_norm(op: InstanceNorm, source: Planes) -> Planes:
    """Each plane by its own mean and variance."""
    mean, variance = (function(source, axis=(1, 2), keepdims=True) for function in (np.mean, np.var))
    normal = (source - mean) / np.sqrt(variance + np.float32(op.epsilon))
    return normal * op.weight[:, None, None] + op.bias[:, None, None]


def color_statistics(op: ColorStatistics, source: Planes) -> Planes:
    """`(3, H, W)` to `(FEATURES, 1, 1)`."""
    rgb = np.clip(source, 0, 1).reshape(3, -1)
    red, _, blue = rgb
    luma = np.tensordot(np.array(LUMA_WEIGHTS, rgb.dtype), rgb, axes=1)
    largest = rgb.max(axis=0)
    chroma = largest - rgb.min(axis=0)
    saturation = np.divide(chroma, largest, out=np.zeros_like(chroma), where=largest > 0)
    signals = np.sort(np.stack([*rgb, luma, chroma, saturation]))
    position = np.array(QUANTILES) * (luma.size - 1)
    low = np.floor(position).astype(int)
    high, fraction = np.minimum(low + 1, luma.size - 1), position - low
    quantiles = signals[:, low] * (1 - fraction) + signals[:, high] * fraction

    band = np.minimum((luma * LUMA_BANDS).astype(int), LUMA_BANDS - 1)
    count = np.bincount(band, minlength=LUMA_BANDS)
    casts = [np.bincount(band, value - luma, LUMA_BANDS) / (count + SCARCE * luma.size) for value in (red, blue)]

    distances = np.abs(hue(rgb) - np.arange(HUES)[:, None])
    nearness = np.maximum(0, 1 - np.minimum(distances, HUES - distances))
    hues = (chroma * nearness).mean(axis=1)
    features = np.concatenate([quantiles.ravel(), *casts, count / luma.size, hues])
    return features.astype(np.float32)[:, None, None]


def hue(rgb: Planes) -> Planes:
    """The hue of colors `(3, …)` in [0, 6): red 0, yellow 1, green 2, cyan 3, blue 4, magenta 5; gray 0."""
    red, green, blue = rgb
    largest, chroma = rgb.max(axis=0), rgb.max(axis=0) - rgb.min(axis=0)
    chroma = np.where(chroma > 0, chroma, 1)
    angle = np.where(
        largest == red,
        (green - blue) / chroma,
        np.where(largest == green, (blue - red) / chroma + 2, (red - green) / chroma + 4),
    )
    return np.where(rgb.min(axis=0) == largest, 0, angle % 6)


def mix_tables(op: MixTables, source: Planes) -> Table:
    """Weights `(N, 1, 1)` to a table `(size, size, size, 3)`."""
    return steady(np.tensordot(source[:, 0, 0], op.tables, axes=1), op.steepest)


def halved(table: Table) -> Table:
    """The table with cells of half the size, `(2·size - 1, …)`, interpolated trilinearly."""
    size = 2 * len(table) - 1
    finer = np.empty((size, size, size, 3), table.dtype)
    finer[::2, ::2, ::2] = table
    finer[::2, ::2, 1::2] = (table[:, :, :-1] + table[:, :, 1:]) / 2
    finer[::2, 1::2] = (finer[::2, :-1:2] + finer[::2, 2::2]) / 2
    finer[1::2] = (finer[:-1:2] + finer[2::2]) / 2
    return finer


def steady(table: Table, steepest: float | None) -> Table:
    """The table, its grays rising only, and not too fast: the mean of two that are so, of which one follows its own
    diagonal upwards as near as it may, and the other downwards."""
    if steepest is None:
        return table
    table = halved(table)
    size = len(table)
    diagonal = np.einsum("iiic->ic", table)
    least, most = (np.float32(slope / (size - 1)) for slope in (FLATTEST, steepest))
    upwards, downwards = diagonal.copy(), diagonal.copy()
    for index in range(1, size):
        upwards[index] = np.clip(diagonal[index], upwards[index - 1] + least, upwards[index - 1] + most)
        after = downwards[size - index]
        downwards[size - index - 1] = np.clip(diagonal[size - index - 1], after - most, after - least)
    wanted = (upwards + downwards) / 2
    added = wanted - np.einsum("iiic->ic", table)
    axis = np.arange(size)
    thirds = np.arange(3 * size - 2) / 3  # all mean coordinates there are
    finer = np.stack([np.interp(thirds, axis, each) for each in added.T], axis=-1).astype(np.float32)
    return table + finer[axis[:, None, None] + axis[:, None] + axis]


def color_table(op: ColorTable, source: Planes, table: Table) -> Planes:
    """`(3, H, W)`, each color by its table."""
    size = len(table)
    position = np.clip(source, 0, 1) * np.float32((size - 1) / op.upper)
    low = np.minimum(np.floor(position).astype(int), size - 2)
    fraction = position - low
    weigh = trilinear_weight if op.interpolation == "trilinear" else tetrahedral_weight
    total = np.zeros_like(source)
    for corner in np.ndindex(2, 2, 2):
        red, green, blue = (low[axis] + corner[axis] for axis in range(3))
        total += weigh(fraction, corner) * np.moveaxis(table[red, green, blue], -1, 0)
    return total


def trilinear_weight(fraction: Planes, corner: tuple[int, ...]) -> Planes:
    """The weight of a corner of a cell, `(0 or 1, …)` by axis, at fractions `(3, H, W)` of its sides."""
    factors = [part if side else 1 - part for part, side in zip(fraction, corner, strict=True)]
    return factors[0] * factors[1] * factors[2]


def tetrahedral_weight(fraction: Planes, corner: tuple[int, ...]) -> Planes:
    """The same for tetrahedral interpolation: 0 for corners off the way, on which the first axes are those to go."""
    gone = [part for part, side in zip(fraction, corner, strict=True) if side]
    ahead = [part for part, side in zip(fraction, corner, strict=True) if not side]
    least = np.minimum.reduce([np.ones_like(fraction[0]), *gone])
    largest = np.maximum.reduce([np.zeros_like(fraction[0]), *ahead])
    return np.maximum(least - largest, 0)
