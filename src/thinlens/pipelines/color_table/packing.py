"""Color tables as look-up kernels read them, in NumPy alone: entries that are used together lie together.

A cell of a table is the cube between eight neighboring entries, its corners; the kernel knows a color by the cell's
number and eight weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL_BITS = 5
"""Entries in fixed point are levels of 8 bits with so many bits after the point: int16 holds -4…4 times white."""
FIXED_POINT_LANES = 16
"""Elements of an entry in fixed point."""
POSITION_BITS = 22
"""After the point of a position in a table."""
_SCALE = 255 * 2**LEVEL_BITS
_PAIR = np.dtype("V16")
"""Two entries as one element, to be copied quickly."""
ALIGNMENT = 64
"""Bytes: a line of the cache, and of the widest vector."""


def fits_fixed_point(table: NDArray[np.float32]) -> bool:
    """Whether all entries of a table are within what fixed point holds."""
    limit = (2**15 - 1) / _SCALE
    return bool(table.max() <= limit and table.min() >= -limit)


def fixed_point(table: NDArray[np.float32]) -> NDArray[np.int16]:
    """A table `(size, size, size, 3)` as `(size, cells, 2, 4, 2)` int16, in units of 1/2**LEVEL_BITS level.

    For an entry along red and a cell along green and blue: its corners by green, then channels (red, green, blue and
    one that is 0), then its corners by blue. So one instruction multiplies and adds what lies along blue, of four
    channels and two corners by green.
    """
    size, cells = len(table), len(table) - 1
    entries = np.zeros((size, size, size, 4), np.int16)
    np.rint(table * np.float32(_SCALE), out=entries[..., :3], casting="unsafe")
    pairs = np.empty((size, size, cells, 4, 2), np.int16)
    pairs[..., 0], pairs[..., 1] = entries[:, :, :-1], entries[:, :, 1:]
    whole = pairs.reshape(size, size, cells, 8).view(_PAIR)[..., 0]
    packed = aligned((size, cells, cells, 2), _PAIR)
    packed[..., 0], packed[..., 1] = whole[:, :-1], whole[:, 1:]
    return packed.view(np.uint8).view(np.int16).reshape(size, cells * cells, 2, 4, 2)


def step(cells: float) -> int:
    """What a level of 8 bits is multiplied by to get its position, where 255 is so many cells from the first entry."""
    return round(cells * 2**POSITION_BITS / 255)


def float32(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table `(size, size, size, 3)` as `(size³, 4)` float32: each entry a vector, its last value 0."""
    size = len(table)
    padded = aligned((size**3, 4), np.dtype(np.float32))
    padded[:, :3], padded[:, 3] = table.reshape(-1, 3), 0
    return padded


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array that begins where a line of the cache does."""
    length = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(length + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + length].view(dtype).reshape(shape)
