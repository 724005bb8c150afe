"""Programs as functions on pictures: a kernel for each kind of picture, from the cache or built."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipelines.processor import Processor
from ..program import Program
from . import loading, objects, prediction
from .arrays import check_features, check_picture, check_range, computed
from .host import check_here, processor_of
from .look_up import TableLookUp

KEPT = 64
"""Compiled programs that the process keeps."""
_kept: dict[str, Compiled] = {}


def compile(program: Program, target: str | None = None) -> Compiled:
    """The program as something callable; the same object for the same operations and weights, as long as it is kept.

    `target` is a Halide target string, by default that of this processor, or of THINLENS_TARGET in the environment.
    """
    processor = processor_of(target)
    key = f"{processor.name} {processor.cache} {objects.digest(program)}"
    with loading.lock:
        compiled = _kept.pop(key, None) or Compiled(program, processor)
        _kept[key] = compiled
        if len(_kept) > KEPT:
            del _kept[next(iter(_kept))]
    return compiled


class Compiled:
    """A program that runs. Kernels are loaded, or built, at the first picture of each kind and kept.

    Any number of threads may call it at a time; they run side by side, for Python's lock is not held meanwhile.
    """

    def __init__(self, program: Program, processor: Processor | None = None) -> None:
        self.program = program
        self.processor = processor or processor_of(None)
        self._kernels = loading.Kernels(self._load)

    def __call__(
        self,
        picture: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        threads: int | None = None,
        bits: int | None = None,
    ) -> NDArray[Any]:
        """Enlarge a picture, or do whatever else the program does.

        `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1], any strides; or, for a program
        of feature maps, `(H, W, C)` float32.
        Returns the same layout and dtype, `scale` times larger (in `out`, if given); a float32 result is not clipped.
        Of feature maps the result has as many channels as the program gives.
        `threads` is how many may work at most (None: all of the machine); it never changes the result.
        `bits` says how many bits of uint16 are in use, as in video of 10 bits: 1 is 2**bits - 1 then, in and out.
        Raises TypeError for another dtype, ValueError for another shape and for float pictures that are not finite or
        far outside [0, 1].
        """
        if not self.program.takes_features and check_picture(picture) and picture.dtype == np.float32:
            check_range(picture)
        return self.apply(picture, out, threads=threads, bits=bits)

    def apply(
        self,
        picture: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        threads: int | None = None,
        bits: int | None = None,
    ) -> NDArray[Any]:
        """The same on what was looked at before, or made by other programs: floats may be anywhere."""
        if bits is not None and not (picture.dtype == np.uint16 and 8 < bits <= 16):
            raise ValueError(f"bits are 9 to 16 of uint16, got {bits} of {picture.dtype}")
        features = self.program.takes_features
        channels = check_features(picture) if features else check_picture(picture)
        self.program.for_picture(picture.dtype, channels)  # refuses what it does not take
        if self.program.adaptive:
            last = prediction.chosen_table(self.program)
            table = prediction.predict(self.program, lambda size: prediction.thumbnail(picture, size)).table
            upper = (last.upper, last.upper, last.upper)
            look_up = TableLookUp(table, last.interpolation, upper, processor=self.processor)
            return look_up(picture, out, threads=threads)
        scale = self.program.scale
        shape = (picture.shape[0] * scale, picture.shape[1] * scale, *picture.shape[2:])
        if features:
            shape = (*shape[:2], self.program.value_types[-1].channels)
        return computed(picture, shape, out, threads, self.kernel(picture.dtype, channels, bits))

    def kernel(self, dtype: np.dtype[Any], channels: int, bits: int | None = None) -> loading.Kernel:
        """The kernel for one kind of picture, loaded if this process has not loaded it yet."""
        return self._kernels[dtype, channels, bits]

    def _load(self, kind: tuple[np.dtype[Any], int, int | None]) -> loading.Kernel:
        check_here(self.processor)
        dtype, channels, bits = kind
        made = objects.kernel(self.program, dtype, channels, self.processor, bits)
        return loading.Kernel(made, objects.runtime(self.processor.system))
