"""What a look-up kernel is made for, without Halide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...program import Interpolation


@dataclass(frozen=True)
class LookUp:
    """The dtype of RGB pictures, the interpolation, and whether it is done in fixed point (uint8 only) or float32.

    The table is none of it: kernels read it, packed as `packing` says, as they read the picture.
    """

    dtype: np.dtype[Any]
    interpolation: Interpolation
    integer: bool

    def __str__(self) -> str:
        return f"{self.interpolation} {self.dtype} in {'fixed point' if self.integer else 'float32'}"
