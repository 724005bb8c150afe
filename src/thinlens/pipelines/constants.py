"""Weights as buffers of a pipeline."""

from __future__ import annotations

from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray


class Constants:
    """Arrays that a pipeline reads: Halide keeps no reference to their memory, so they live here as long as it does."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []

    def buffer(self, array: NDArray[Any]) -> hl.Buffer:
        """A copy of an array as a Halide buffer, the last axis first."""
        self._arrays.append(np.array(array, order="C"))
        return hl.Buffer(self._arrays[-1])
