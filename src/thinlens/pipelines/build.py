"""From a program to something callable: a pipeline for each kind of picture, in the first form that takes it."""

from __future__ import annotations

import hashlib
import os
from threading import Lock
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ..program import Program, dump
from . import plain
from .form import Form
from .many_layers import float32 as many_layers_float32
from .many_layers import quantized as many_layers_quantized
from .one_layer import fixed_point as one_layer_fixed_point
from .one_layer import float32 as one_layer_float32
from .picture import TYPES, Picture
from .processor import Processor

FORMS: tuple[Form[Any, Any], ...] = (
    one_layer_fixed_point.FORM,
    one_layer_float32.FORM,
    many_layers_quantized.FORM,
    many_layers_float32.FORM,
    plain.FORM,
)
"""The forms that pipelines have, the quickest first; the last takes every program."""
MANY_TASKS = 256
"""Tasks for all threads of the machine: more than there are threads, so that the quick ones take over from the slow."""
KEPT = 64
"""Compiled programs that the process keeps."""
LARGEST = 2**31 - 1
"""Elements that a picture may have: pipelines count them in 32 bits."""

_kept: dict[str, Compiled] = {}
_lock = Lock()


def compile(program: Program, target: str | None = None) -> Compiled:
    """The program as something callable; the same object for the same operations and weights, as long as it is kept.

    `target` is a Halide target string, by default that of this processor, or of HL_JIT_TARGET in the environment.
    """
    processor = processor_of(target)
    key = f"{processor.name} {processor.cache} {_digest(program)}"
    with _lock:
        compiled = _kept.pop(key, None) or Compiled(program, processor)
        _kept[key] = compiled
        if len(_kept) > KEPT:
            del _kept[next(iter(_kept))]
    return compiled


def processor_of(name: str | None) -> Processor:
    """A processor by its Halide target string; None is the one at hand."""
    return Processor(str(hl.get_jit_target_from_environment()) if name is None else name)


def _digest(program: Program) -> str:
    digest = hashlib.sha256(dump(program).encode())
    part: Program | None = program
    while part is not None:
        for op in part.ops:
            for value in op.values().values():
                if isinstance(value, np.ndarray):
                    digest.update(value.tobytes())
        part = part.uint8
    return digest.hexdigest()


class Compiled:
    """A program that runs. Pipelines are built at the first picture of each kind and kept."""

    def __init__(self, program: Program, processor: Processor | None = None) -> None:
        self.program = program
        self.processor = processor or processor_of(None)
        self._pipelines: dict[Picture, _Pipeline] = {}
        self._lock = Lock()

    def __call__(
        self, picture: NDArray[Any], out: NDArray[Any] | None = None, *, threads: int | None = None
    ) -> NDArray[Any]:
        """Enlarge a picture.

        `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1], any strides.
        Returns the same layout and dtype, `scale` times larger (in `out`, if given); a float32 result is not clipped.
        `threads` is how many may work at most (None: all of the machine); it never changes the result.
        Raises TypeError for another dtype, ValueError for another shape and for float pictures that are not finite.
        """
        kind = check_picture(picture)
        self.program.for_picture(kind.dtype, kind.channels)  # refuses what it does not take
        scale = self.program.scale
        shape = (picture.shape[0] * scale, picture.shape[1] * scale, *picture.shape[2:])
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
        self.build(kind)(_rows(source), _rows(target), tasks)
        if target is not out:
            out[...] = target
        return out

    def build(self, kind: Picture) -> _Pipeline:
        """The pipeline for one kind of picture, built if it is not there yet."""
        with self._lock:
            if kind not in self._pipelines:
                self._pipelines[kind] = _Pipeline(self.program, kind, self.processor)
            return self._pipelines[kind]


class _Pipeline:
    """A pipeline for one kind of picture: `(H, W * channels)` in, `(H * scale, W * channels * scale)` out."""

    def __init__(self, program: Program, picture: Picture, processor: Processor) -> None:
        program = program.for_picture(picture.dtype, picture.channels)
        source, tasks = picture.source(), hl.Param(hl.Int(32), "tasks")
        form, network = choose(program)
        stages = form.algorithm(network, picture, source, processor)
        form.schedule(network, stages, processor, tasks)
        output = stages.output.output_buffer()
        output.dim(0).set_bounds(0, source.dim(0).extent() * program.scale).set_stride(1)
        output.dim(1).set_bounds(0, source.dim(1).extent() * program.scale)
        self._constants = stages.constants
        self._run = stages.output.compile_to_callable([source, tasks], processor.target)

    def __call__(self, source: NDArray[Any], target: NDArray[Any], tasks: int) -> None:
        self._run(hl.Buffer(source), tasks, hl.Buffer(target))


def choose(program: Program) -> tuple[Form[Any, Any], Any]:
    """The first form that takes a program, and what it needs to know of it."""
    for form in FORMS:
        network = form.match(program)
        if network is not None:
            return form, network
    raise AssertionError("the plain form takes every program")


def check_picture(picture: NDArray[Any]) -> Picture:
    """What kind of picture it is; TypeError or ValueError, in a sentence, if it is none."""
    if picture.dtype not in TYPES:
        raise TypeError(f"a picture must be uint8, uint16 or float32, got {picture.dtype}: convert it with astype")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"a picture must be (H, W) luma or (H, W, 3) RGB, got shape {picture.shape}")
    if 0 in picture.shape:
        raise ValueError(f"a picture must have at least one pixel, got shape {picture.shape}")
    if picture.dtype == np.float32 and not np.isfinite(picture).all():
        raise ValueError("a picture must not hold NaN or infinity: replace them with np.nan_to_num")
    return Picture(picture.dtype, 1 if picture.ndim == 2 else 3)


def _addressable(array: NDArray[Any]) -> bool:
    """Whether a pipeline can use the array as it is: rows of contiguous elements, one below the other in memory."""
    size = array.itemsize
    inner = (size,) if array.ndim == 2 else (3 * size, size)
    row = array.shape[1] * inner[0]
    below = array.shape[0] == 1 or (array.strides[0] >= row and array.strides[0] % size == 0)
    return array.strides[1:] == inner and below and array.flags.aligned


def _rows(array: NDArray[Any]) -> NDArray[Any]:
    """An addressable array as `(H, W * channels)`, writable for Halide, which refuses even to read from others."""
    height, width, *channels = array.shape
    row = width * (3 if channels else 1)
    interface = dict(array.__array_interface__)
    stride = array.strides[0] if height > 1 else row * array.itemsize
    interface.update(shape=(height, row), strides=(stride, array.itemsize), data=(array.ctypes.data, False))
    return np.asarray(_View(interface))


class _View:
    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface
