"""The operations of tables in plain NumPy: slow, obvious, never optimized. See reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ops import FRACTION_BITS
from .table_ops import LEVELS, Border, Lookup, Rescale, ShiftAndSum

Planes = NDArray[Any]
Indices = NDArray[np.int64]


def reflected(indices: Indices, length: int) -> Indices:
    """Places in 0…length-1 for any: reflected at both ends as often as it takes, without repeating the ends."""
    period = max(2 * (length - 1), 1)
    wrapped = indices % period
    return np.minimum(wrapped, period - wrapped) if length > 1 else wrapped * 0


def shifted(planes: Planes, y: int, x: int, border: Border) -> Planes:
    """Planes `(…, H, W)` seen from (y, x) away: the result at (0, 0) is the value at (y, x)."""
    for axis, step in ((-2, y), (-1, x)):
        length = planes.shape[axis]
        places = np.arange(length) + step
        places = reflected(places, length) if border == "reflect" else np.clip(places, 0, length - 1)
        planes = np.take(planes, places, axis=axis)
    return planes


def lookup(op: Lookup, source: Planes) -> Planes:
    """One row of a table for each pattern and pixel."""
    levels = np.clip((source + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS, 0, LEVELS - 1)
    results: list[Planes] = []
    for pattern, pixels in enumerate(op.offsets):
        table = op.table[pattern if len(op.table) > 1 else 0].astype(np.int32)
        index = np.stack([shifted(levels[channel], y, x, op.border) for channel, y, x in pixels])
        result = rows_of(op, table, index) if op.interpolation == "none" else simplex(op, table, index)
        results.append(np.moveaxis(result, -1, 0))
    stacked = np.stack(results)
    return stacked.sum(axis=0, dtype=np.int32) if op.summed else stacked.reshape(-1, *source.shape[1:])


def rows_of(op: Lookup, table: Planes, index: Planes) -> Planes:
    """`(H, W, outputs)`: the rows of quotients, the first indexing pixel slowest."""
    row = np.zeros(index.shape[1:], np.int64)
    for level in index:
        row = row * op.samples + level // op.interval
    return table[row]


def simplex(op: Lookup, table: Planes, index: Planes) -> Planes:
    """`(H, W, outputs)`, times the interval: from the corner below all levels to the one above, along the axis of the
    largest remainder first; each corner on the way weighs as much as the remainders before and after it differ."""
    quotients, remainders = index // op.interval, index % op.interval
    order = np.argsort(-remainders, axis=0, kind="stable")
    sorted_remainders = np.take_along_axis(remainders, order, axis=0)
    corner = quotients.copy()
    before = np.full(index.shape[1:], op.interval)
    total = np.zeros((*index.shape[1:], table.shape[-1]), np.int32)
    for step in range(len(index) + 1):
        after = sorted_remainders[step] if step < len(index) else np.zeros_like(before)
        row = np.zeros(index.shape[1:], np.int64)
        for quotient in corner:
            row = row * op.samples + quotient
        total += (before - after)[..., None].astype(np.int32) * table[row]
        if step < len(index):
            np.put_along_axis(
                corner, order[step : step + 1], np.take_along_axis(corner, order[step : step + 1], 0) + 1, 0
            )
        before = after
    return total


def shift_and_sum(op: ShiftAndSum, source: Planes) -> Planes:
    """Each map shuffled, shifted and turned back, added up."""
    s, (_, height, width) = op.scale, source.shape
    values = source.reshape(op.rotations, op.maps, s * s, height, width)
    total = np.zeros((height * s, width * s), source.dtype)
    for rotation in range(op.rotations):
        for k in range(op.maps):
            shuffled = np.zeros_like(total)
            for row in range(s):
                for column in range(s):
                    shuffled[row::s, column::s] = values[rotation, k, op.sub_pixel(row, column, rotation)]
            dy, dx = (k // 3 - 1, k % 3 - 1) if op.maps == 9 else (0, 0)
            y, x = op.rotate(dy * op.step, dx * op.step, rotation)
            if op.border == "edge":  # whole low-resolution pixels, a step is one of them
                high, wide = (np.arange(length) - by // s for length, by in ((height, y), (width, x)))
                blocks = shuffled.reshape(height, s, width, s)[np.clip(high, 0, height - 1)]
                total += blocks[:, :, np.clip(wide, 0, width - 1)].reshape(total.shape)
            else:
                total += shifted(shuffled, -y, -x, "reflect")
    return total[None]


def rescale(op: Rescale, source: Planes) -> Planes:
    """A product, rounded, clipped."""
    half = 1 << op.shift - 1 if op.shift else 0
    scaled = (source.astype(np.int64) * op.multiplier + half) >> op.shift
    return np.clip(scaled, op.minimum, op.maximum).astype(np.int32)
