"""Kernels without the zeros that a transposed convolution leaves in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .many_layers import Layer


@dataclass(frozen=True)
class Part:
    """Taps of a kernel, and the outputs that they reach: with `side`² outputs as a square, a rectangle of it."""

    rows: range
    columns: range
    down: range
    right: range
    side: int

    @property
    def whole(self) -> bool:
        """Whether they reach all outputs."""
        return self.side == 0


def parts_of(layer: Layer, channels: int) -> list[Part]:
    """The kernels in parts, without the zeros, which are whole rows and columns of the kernels of some sub-pixel
    positions: 19 of 100 taps at ×2 and 63 of 144 at ×4 for 9×9. One part if there are none, or if fewer than all
    outputs, `channels`, are computed at a time."""
    weight = layer.convolution.weight
    side = math.isqrt(layer.outputs)
    whole = [Part(range(layer.kernel), range(layer.kernel), range(0), range(0), 0)]
    if side * side != layer.outputs or channels < layer.outputs:
        return whole
    used = (weight != 0).any(axis=1).reshape(side, side, layer.kernel, layer.kernel)
    rows, columns = _runs(used.any(axis=(1, 3))), _runs(used.any(axis=(0, 2)))
    if len(rows) * len(columns) < 2:
        return whole
    return [Part(row, column, down, right, side) for row, down in rows for column, right in columns]


def _runs(used: NDArray[np.bool_]) -> list[tuple[range, range]]:
    """Runs of taps that reach the same positions, given `(position, tap)`, and from the first to the last of these."""
    runs: list[tuple[range, range]] = []
    for tap, reached in enumerate(used.T):
        positions = np.flatnonzero(reached)
        if len(positions) == 0:
            continue
        span = range(int(positions[0]), int(positions[-1]) + 1)
        if runs and runs[-1][1] == span and runs[-1][0].stop == tap:
            runs[-1] = (range(runs[-1][0].start, tap + 1), span)
        else:
            runs.append((range(tap, tap + 1), span))
    return runs
