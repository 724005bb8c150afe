"""From a photo to its color table, quickly: the part of an adaptive program that has a fixed extent, in NumPy.

It looks at a thumbnail only, so it takes about as long for every photo. The reference is `program.reference`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import (
    ColorStatistics,
    ColorTable,
    MixTables,
    Operation,
    Program,
    StridedConvolution,
    Thumbnail,
    missing,
)
from ..program.color_ops import HUES, LUMA_BANDS, QUANTILES, SCARCE
from ..program.color_reference import bilinear_taps, hue, steady
from ..program.ops import LUMA_WEIGHTS
from ..program.reference import EVALUATE

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an adaptive program decides on for a photo: a weight for each of its basis tables, and the mixed table."""

    weights: NDArray[np.float32]
    table: NDArray[np.float32]


def chosen_table(program: Program) -> ColorTable:
    """The last operation of an adaptive program, in which all pixels meet the table.

    Raises ValueError if other operations than that and thumbnails read the picture.
    """
    last = program.ops[-1]
    for op in program.ops[:-1]:
        if 0 in op.operands() and not isinstance(op, Thumbnail):
            raise missing("pipeline beside a color table", op)
    if not isinstance(last, ColorTable) or last.source != 0:
        raise missing("pipeline as the last operation of an adaptive program", last)
    return last


def predict(program: Program, thumbnail: Callable[[int], Values]) -> Prediction:
    """The table for a photo, given its thumbnail of any size, `(3, size, size)` float32, sRGB-encoded, in [0, 1]."""
    last = chosen_table(program)
    values: list[Values] = [np.empty((3, 0, 0), np.float32)]  # the photo itself, which only thumbnails read
    for op in program.ops[:-1]:
        if isinstance(op, Thumbnail):
            values.append(thumbnail(op.size))
        else:
            evaluate = QUICK.get(type(op), EVALUATE[type(op)])
            values.append(evaluate(op, *(values[number] for number in op.operands())))
    mixed = program.ops[last.table - 1]
    assert isinstance(mixed, MixTables)
    return Prediction(values[mixed.source][:, 0, 0], values[last.table])


def mixed(program: Program, weights: NDArray[np.float32]) -> Prediction:
    """The table for weights `(N,)` of the basis tables, such as the mean of several predictions."""
    op = program.ops[chosen_table(program).table - 1]
    assert isinstance(op, MixTables)
    return Prediction(weights, _mix_tables(op, weights[:, None, None]))


def thumbnail(picture: NDArray[Any], size: int) -> NDArray[np.float32]:
    """`Thumbnail` of a picture as stored, `(H, W)` or `(H, W, 3)`, of which it reads few pixels."""
    gathered = Gathered(picture.shape, size)
    gathered.add(picture, 0)
    return np.broadcast_to(gathered.thumbnail(), (3, size, size))


class Gathered:
    """The pixels of a picture that its thumbnail lies between, gathered as the picture comes, in bands of rows.

    `shape` is that of the picture, `(H, W)` or `(H, W, channels)`; a second or fourth channel is alpha and left out.
    """

    def __init__(self, shape: Sequence[int], size: int) -> None:
        *self._rows, self._below = bilinear_taps(shape[0], size)
        *self._columns, self._right = bilinear_taps(shape[1], size)
        self._channels = 1 if len(shape) == 2 or shape[2] < 3 else 3
        self._pixels = np.zeros((2, 2, size, size * self._channels), np.float32)

    def add(self, band: NDArray[Any], top: int) -> None:
        """The rows from `top` on, uint8, uint16 or float32 in [0, 1]."""
        elements, channels = band.reshape(-1), 1 if band.ndim == 2 else band.shape[2]
        peak = np.float32(1 if band.dtype == np.float32 else np.iinfo(band.dtype).max)
        for lower, rows in enumerate(self._rows):
            (here,) = np.nonzero((rows >= top) & (rows < top + len(band)))
            for right, columns in enumerate(self._columns):
                first = (rows[here, None] - top) * (band.shape[1] * channels) + columns * channels
                pixels = elements.take(first[..., None] + np.arange(self._channels))
                self._pixels[lower, right, here] = pixels.reshape(len(here), columns.size * self._channels) / peak

    def thumbnail(self) -> NDArray[np.float32]:
        """`(channels, size, size)` float32, once all bands are there."""
        (upper_left, upper_right), (lower_left, lower_right) = self._pixels
        right, below = self._right.repeat(self._channels), self._below[:, None]
        upper = upper_left + right * (upper_right - upper_left)
        lower = lower_left + right * (lower_right - lower_left)
        mixed = (upper + below * (lower - upper)).reshape(len(below), -1, self._channels)
        return np.ascontiguousarray(np.moveaxis(mixed, -1, 0))


def _strided_convolution(op: StridedConvolution, source: Values) -> Values:
    """One product of matrices: the weights, and all windows of the source."""
    outputs, _, kernel, _ = op.weight.shape
    padded = np.pad(source, [(0, 0), (op.padding, op.padding), (op.padding, op.padding)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))[:, :: op.stride, :: op.stride]
    height, width = windows.shape[1:3]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, height * width)
    result = op.weight.reshape(outputs, -1) @ columns
    if op.bias is not None:
        result += op.bias[:, None]
    return result.reshape(outputs, height, width)


def _color_statistics(op: ColorStatistics, source: Values) -> Values:
    """The same sums, without planes for each hue."""
    rgb = np.clip(source, 0, 1).reshape(3, -1)
    red, green, blue = rgb
    weights = [np.float32(weight) for weight in LUMA_WEIGHTS]
    luma = weights[0] * red + weights[1] * green + weights[2] * blue
    largest = np.maximum(np.maximum(red, green), blue)
    chroma = largest - np.minimum(np.minimum(red, green), blue)
    saturation = np.divide(chroma, largest, out=np.zeros_like(chroma), where=largest > 0)
    signals = np.sort(np.stack([red, green, blue, luma, chroma, saturation]))
    position = np.array(QUANTILES) * (luma.size - 1)
    low = position.astype(int)
    high, fraction = np.minimum(low + 1, luma.size - 1), position - low
    quantiles = signals[:, low] * (1 - fraction) + signals[:, high] * fraction

    band = np.minimum((luma * LUMA_BANDS).astype(np.intp), LUMA_BANDS - 1)
    count = np.bincount(band, minlength=LUMA_BANDS)
    casts = [np.bincount(band, value - luma, LUMA_BANDS) / (count + SCARCE * luma.size) for value in (red, blue)]

    angle = hue(rgb)
    below = np.minimum(angle.astype(np.intp), HUES - 1)  # just below 6, angles are rounded to it
    nearer = chroma * (angle - below)
    hues = np.bincount(below, chroma - nearer, HUES + 1) + np.bincount(below + 1, nearer, HUES + 1)
    hues[0] += hues[HUES]  # where the circle closes
    features = np.concatenate([quantiles.ravel(), *casts, count / luma.size, hues[:HUES] / luma.size])
    return features.astype(np.float32)[:, None, None]


def _mix_tables(op: MixTables, source: Values) -> Values:
    """Table by table: a product of matrices would wait for threads."""
    total = source[0, 0, 0] * op.tables[0]
    for weight, table in zip(source[1:, 0, 0], op.tables[1:], strict=True):
        total += weight * table
    return steady(total, op.steepest)


QUICK: dict[type[Operation], Callable[..., Values]] = {
    StridedConvolution: _strided_convolution,
    ColorStatistics: _color_statistics,
    MixTables: _mix_tables,
}
"""What is quicker than the reference."""
