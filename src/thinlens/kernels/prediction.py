"""From a photo to its color table, quickly: the part of an adaptive program that has a fixed extent, in NumPy.

It looks at a thumbnail only, so it takes about as long for every photo. The reference is `program.reference`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import (
    ColorTable,
    MixTables,
    Operation,
    Program,
    StridedConvolution,
    Thumbnail,
    missing,
)
from ..program.color_reference import bilinear_taps
from ..program.reference import EVALUATE

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an adaptive program decides on for a photo: a weight for each of its basis tables, and the mixed table."""

    weights: NDArray[np.float32]
    table: NDArray[np.float32]


def look_up(program: Program) -> ColorTable:
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
    last = look_up(program)
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


def thumbnail(picture: NDArray[Any], size: int) -> NDArray[np.float32]:
    """`Thumbnail` of a picture as stored, `(H, W)` or `(H, W, 3)`, reading only the pixels that it needs.

    A gray picture has red, green and blue alike.
    """
    (top, bottom, down), (left, right, across) = (bilinear_taps(length, size) for length in picture.shape[:2])
    rows = [[picture[np.ix_(y, x)] for x in (left, right)] for y in (top, bottom)]
    return interpolated(rows, down, across)


def interpolated(
    rows: list[list[NDArray[Any]]], down: NDArray[np.float32], across: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`(3, size, size)` between the four pixels around each position, as stored: upper and lower, left and right."""
    pixels = rows[0][0]
    peak = np.float32(1 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        rows = [[pixel[..., None] for pixel in row] for row in rows]
    right, below = across[None, :, None], down[:, None, None]
    upper, lower = (first + right * (second.astype(np.float32) - first) for first, second in rows)
    planes = np.moveaxis((upper + below * (lower - upper)) / peak, -1, 0)
    return np.broadcast_to(planes, (3, *planes.shape[1:])).astype(np.float32)


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


QUICK: dict[type[Operation], Callable[..., Values]] = {StridedConvolution: _strided_convolution}
"""What is quicker than the reference."""
