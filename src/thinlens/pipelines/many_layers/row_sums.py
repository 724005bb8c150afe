"""Kernels a row at a time, for layers of many inputs and few outputs, such as the last ones.

The taps of a kernel are summed over inputs and columns for each row of the kernel, as if every row were an output of
its own, in the row of pixels that the taps read; later the sums of some rows of pixels are added. So inputs are read
in one row instead of all that the kernel spans, while they are still close by, and there are enough outputs to share
what is loaded. Zeros, which a transposed convolution leaves in whole rows and columns of taps, cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .chain import Layer

FEWEST_INPUTS = 8
MOST_OUTPUTS = 16
MOST_GROUPS = 4


@dataclass(frozen=True)
class Group:
    """Sums over the same columns of a kernel: each an output and a row of its kernel."""

    columns: range
    sums: tuple[tuple[int, int], ...]


def match(layer: Layer) -> list[Group] | None:
    """The sums of a layer that this repays; None for all others, as kernels of 3×3 without zeros."""
    if layer.kernel == 1 or layer.inputs < FEWEST_INPUTS or layer.outputs > MOST_OUTPUTS:
        return None
    groups = groups_of(layer)
    taps = sum(len(group.columns) * len(group.sums) for group in groups)
    return groups if taps > 0 and (layer.kernel > 3 or taps < layer.kernel**2 * layer.outputs) else None


def groups_of(layer: Layer) -> list[Group]:
    """All taps that are not zero, in as many groups as there are runs of columns, or if these are many in one."""
    used = (layer.convolution.weight != 0).any(axis=1)
    groups: dict[range, list[tuple[int, int]]] = {}
    for output, row in np.argwhere(used.any(axis=2)):
        columns = np.flatnonzero(used[output, row])
        span = range(int(columns[0]), int(columns[-1]) + 1)
        groups.setdefault(span, []).append((int(output), int(row)))
    if len(groups) > MOST_GROUPS:
        groups = {range(layer.kernel): [pair for pairs in groups.values() for pair in pairs]}
    return [Group(columns, tuple(pairs)) for columns, pairs in groups.items()]
