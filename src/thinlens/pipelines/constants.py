"""Weights as buffers of a pipeline, and names for its stages."""

from __future__ import annotations

from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray


class Constants:
    """Arrays that a pipeline reads: Halide keeps no reference to their memory, so they live here as long as it does."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []
        self._stages = 0

    def stage(self, name: str) -> hl.Func:
        """A new stage whose name no other of the pipeline has.

        Halide orders stages by their names, and makes those that are alike different by numbers that go on from
        pipeline to pipeline, where $10 comes before $9: the order must not depend on what a process has built before.
        """
        self._stages += 1
        return hl.Func(f"{name}_{self._stages:03d}")

    def buffer(self, array: NDArray[Any]) -> hl.Buffer:
        """A copy of an array as a Halide buffer, the last axis first."""
        self._arrays.append(np.array(array, order="C"))
        return hl.Buffer(self._arrays[-1])
