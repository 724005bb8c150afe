"""Tables as pictures, for people to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .table_ops import Lookup


def table_picture(lookup: Lookup, output: int | None = None) -> NDArray[np.uint8]:
    """The table of a look-up as a gray picture: 128 is an entry of 0, the largest entry is black or white.

    Of a table indexed by two pixels the first is y and the second x, `(samples, samples)`, by the mean of its outputs
    or by the one that is named. Of others the rows are the rows of the picture, table beside table, `(rows, tables ·
    outputs)`; of more pixels only the first two, all others at one level. Raises ValueError for an output
    that there is not.
    """
    outputs = lookup.table.shape[2]
    if output is not None and not 0 <= output < outputs:
        raise ValueError(f"the table has outputs 0 to {outputs - 1}, not {output}")
    table = lookup.table.astype(np.float64)
    indices, n = lookup.offsets.shape[1], lookup.samples
    if indices == 1:
        chosen = table if output is None else table[..., output : output + 1]
        values = chosen.transpose(1, 0, 2).reshape(n, -1)
    else:
        values = table[0].mean(axis=-1) if output is None else table[0, :, output]
        values = values.reshape([n] * indices)
        for _ in range(indices - 2):
            values = values[..., n // 2]
        values = values - np.median(values) if values.min() >= 0 else values
    largest = max(float(np.abs(values).max()), 1e-9)
    return np.rint(128 + 127 * values / largest).clip(0, 255).astype(np.uint8)
