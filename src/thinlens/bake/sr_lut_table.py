"""Published SR-LUT tables as programs.

Y. Jo, S. J. Kim: Practical Single-Image Super-Resolution Using Look-Up Table. CVPR 2021 [Jo2021].
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import Lookup, LookupInterpolation, Program, Rescale, ShiftAndSum
from ..program.table_ops import LEVELS
from .tabulate import LARGEST_ENTRY, rescale_for

INTERVAL = 16
"""SR-LUT-S keeps 4 bits of each pixel."""
SQUARE = ((0, 0), (0, 1), (1, 0), (1, 1))
RIGHT = ((0, 0), (0, 1))
LARGEST_SCALE = 8


def from_sr_lut(table: NDArray[Any], name: str) -> Program:
    """The program of a published table, for uint8 pictures: its shape tells which of SR-LUT it is, and the scale.

    `table` is int8 of 17⁴ rows (SR-LUT-S: 2×2 pixels, every 16th level of each, the first pixel slowest) or of 256² or
    257² (SR-LUT-V: a pixel and its right neighbor), of scale² values each, which may have axes of their own. The
    results of four rotations are added, and 127 is white. Raises ValueError, in a sentence, for any other table, and if
    `name`, of the file, says another scale or kind, as `Model_S_x4_4bit_int8`.
    """
    if table.dtype != np.int8:
        raise ValueError(f"{name} holds {table.dtype}, not the int8 of a published SR-LUT table")
    found = [
        (kind, scale)
        for kind, rows in (("S", 17**4), ("V", LEVELS**2), ("V", (LEVELS + 1) ** 2))
        for scale in range(1, LARGEST_SCALE + 1)
        if table.size == rows * scale**2 and table.ndim >= 1 and _splits(table.shape, rows)
    ]
    if len(found) != 1:
        raise ValueError(
            f"{name} has the shape {table.shape}: an SR-LUT table has 17⁴, 256² or 257² rows of 1, 4, 9, 16 … values; "
            "if it is one, reshape it to (rows, scale²)"
        )
    ((kind, scale),) = found
    _check_name(name, kind, scale)
    rows = table.reshape(-1, scale**2)
    if kind == "V" and len(rows) != LEVELS**2:  # samples end at 256, which no level is
        rows = rows.reshape(LEVELS + 1, LEVELS + 1, -1)[:LEVELS, :LEVELS].reshape(LEVELS**2, -1)
    pixels, interval = (SQUARE, INTERVAL) if kind == "S" else (RIGHT, 1)
    interpolation: LookupInterpolation = "simplex" if kind == "S" else "none"
    shuffle = ShiftAndSum(1, scale, 1, 1, rotations=4)
    turned = [[(0, *shuffle.rotate(y, x, turn)) for y, x in pixels] for turn in range(4)]
    multiplier, shift = rescale_for((LEVELS - 1) / LARGEST_ENTRY, interval)
    offsets = np.array(turned, np.int32)
    ops = (Lookup(0, rows[None], offsets, interval, interpolation), shuffle, Rescale(2, multiplier, shift))
    return Program(f"SR-LUT-{kind}_s{scale}", ops)


def _splits(shape: tuple[int, ...], rows: int) -> bool:
    """Whether the first axes of a shape are so many rows, and no axis is partly of them."""
    return any(int(np.prod(shape[:end])) == rows for end in range(1, len(shape) + 1))


def _check_name(name: str, kind: str, scale: int) -> None:
    """Raise ValueError if a name of the published form says something else."""
    said = re.match(r"Model_([A-Z])_x(\d+)_", name)
    if said and (said[1], int(said[2])) != (kind, scale):
        raise ValueError(
            f"{name} says SR-LUT-{said[1]} ×{said[2]}, its shape SR-LUT-{kind} ×{scale}: one of them is wrong"
        )
