"""Programs as functions on pictures: a kernel for each kind of picture, from the cache or built."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipelines.processor import Processor
from ..program import Program
from . import loading, objects
from .host import check_here, processor_of

TYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))
MANY_TASKS = 256
"""Tasks for all threads of the machine: more than there are threads, so that the quick ones take over from the slow."""
KEPT = 64
"""Compiled programs that the process keeps."""
LARGEST = 2**31 - 1
"""Elements that a picture may have: kernels count them in 32 bits."""

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
        self._kernels: dict[tuple[np.dtype[Any], int], loading.Kernel] = {}

    def __call__(
        self, picture: NDArray[Any], out: NDArray[Any] | None = None, *, threads: int | None = None
    ) -> NDArray[Any]:
        """Enlarge a picture.

        `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1], any strides; or, for a program
        of feature maps, `(H, W, C)` float32.
        Returns the same layout and dtype, `scale` times larger (in `out`, if given); a float32 result is not clipped.
        Of feature maps the result has as many channels as the program gives.
        `threads` is how many may work at most (None: all of the machine); it never changes the result.
        Raises TypeError for another dtype, ValueError for another shape and for float pictures that are not finite.
        """
        features = self.program.takes_features
        channels = _check_features(picture) if features else check_picture(picture)
        self.program.for_picture(picture.dtype, channels)  # refuses what it does not take
        scale = self.program.scale
        shape = (picture.shape[0] * scale, picture.shape[1] * scale, *picture.shape[2:])
        if features:
            shape = (*shape[:2], self.program.value_types[-1].channels)
        if np.prod(shape, dtype=np.int64) > LARGEST:
            raise ValueError(f"a result of {shape[1]}x{shape[0]} has more than 2**31 elements: enlarge it in bands")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        if out is None:
            out = np.empty(shape, picture.dtype)
        elif out.shape != shape or out.dtype != picture.dtype or not out.flags.writeable:
            raise ValueError(f"out must be a writable array {shape} {picture.dtype}, got {out.shape} {out.dtype}")
        elif np.may_share_memory(picture, out):
            picture = picture.copy()
        target = out if _addressable(out) else np.empty(shape, out.dtype)
        source = picture if _addressable(picture) else np.array(picture, order="C")
        tasks = MANY_TASKS if threads is None or threads >= (os.cpu_count() or 1) else threads
        self.kernel(picture.dtype, channels)(source, target, tasks)
        if target is not out:
            out[...] = target
        return out

    def kernel(self, dtype: np.dtype[Any], channels: int) -> loading.Kernel:
        """The kernel for one kind of picture, loaded if this process has not loaded it yet."""
        kernel = self._kernels.get((dtype, channels))
        if kernel is None or not kernel.alive:
            with loading.lock:
                kernel = self._kernels.get((dtype, channels))
                if kernel is None or not kernel.alive:
                    check_here(self.processor)
                    made = objects.kernel(self.program, dtype, channels, self.processor)
                    kernel = loading.Kernel(made, objects.runtime(self.processor.system))
                    self._kernels[dtype, channels] = kernel
        return kernel


def check_picture(picture: NDArray[Any]) -> int:
    """How many channels a picture has, 1 or 3; TypeError or ValueError, in a sentence, if it is none."""
    if picture.dtype not in TYPES:
        raise TypeError(f"a picture must be uint8, uint16 or float32, got {picture.dtype}: convert it with astype")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"a picture must be (H, W) luma or (H, W, 3) RGB, got shape {picture.shape}")
    if 0 in picture.shape:
        raise ValueError(f"a picture must have at least one pixel, got shape {picture.shape}")
    if picture.dtype == np.float32 and not np.isfinite(picture).all():
        raise ValueError("a picture must not hold NaN or infinity: replace them with np.nan_to_num")
    return 1 if picture.ndim == 2 else 3


def _check_features(features: NDArray[Any]) -> int:
    """How many channels feature maps have; ValueError, in a sentence, if they are none."""
    if features.ndim != 3 or 0 in features.shape:
        raise ValueError(f"feature maps must be (H, W, C) with at least one pixel, got shape {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("feature maps must not hold NaN or infinity: replace them with np.nan_to_num")
    return features.shape[2]


def _addressable(array: NDArray[Any]) -> bool:
    """Whether a kernel can use the array as it is: rows of contiguous elements, one below the other in memory."""
    size = array.itemsize
    inner = (size,) if array.ndim == 2 else (array.shape[2] * size, size)
    row = array.shape[1] * inner[0]
    stride = array.strides[0]
    below = array.shape[0] == 1 or (row <= stride <= LARGEST * size and stride % size == 0)
    return array.strides[1:] == inner and below and array.flags.aligned
