"""From a program to something callable. Here alone is decided which form of a pipeline a program gets."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields
from threading import Lock
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ..program import (
    AddChroma,
    Convolution,
    Luma,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
    dump,
)
from . import many_layers, many_layers_float, many_layers_quantized, one_layer_float, one_layer_integer, plain
from .one_layer import OneLayer
from .picture import TYPES, Picture

MANY_TASKS = 256
"""Tasks for all threads of the machine: more than there are threads, so that the quick ones take over from the slow."""
KEPT = 64
"""Compiled programs that the process keeps."""
LARGEST = 2**31 - 1
"""Elements that a picture may have: pipelines count them in 32 bits."""

_kept: dict[str, Compiled] = {}
_lock = Lock()


def compile(program: Program) -> Compiled:
    """The program as something callable; the same object for the same operations and weights, as long as it is kept."""
    key = _digest(program)
    with _lock:
        compiled = _kept.pop(key, None) or Compiled(program)
        _kept[key] = compiled
        if len(_kept) > KEPT:
            del _kept[next(iter(_kept))]
    return compiled


def _digest(program: Program) -> str:
    digest = hashlib.sha256(dump(program).encode())
    part: Program | None = program
    while part is not None:
        for op in part.ops:
            for item in fields(op):
                value = getattr(op, item.name)
                if isinstance(value, np.ndarray):
                    digest.update(value.tobytes())
        part = part.uint8
    return digest.hexdigest()


class Compiled:
    """A program that runs. Pipelines are built at the first picture of each kind and kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
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
        kind = _kind(picture, self.program)
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
                self._pipelines[kind] = _Pipeline(self.program, kind)
            return self._pipelines[kind]


class _Pipeline:
    """A pipeline for one kind of picture: `(H, W * channels)` in, `(H * scale, W * channels * scale)` out."""

    def __init__(self, program: Program, picture: Picture) -> None:
        if picture.channels == 3:
            program = program.color
        if picture.dtype == np.uint8 and program.uint8 is not None:
            program = program.uint8
        source, tasks = picture.source(), hl.Param(hl.Int(32), "tasks")
        layer = match_one_layer(program)
        chain = None if layer else many_layers.match(program)
        if chain is not None and many_layers_quantized.supports(chain):
            stages = many_layers_quantized.algorithm(chain, picture, source)
            many_layers_quantized.schedule(chain, stages, tasks)
        elif chain is not None and all(layer.levels is None for layer in chain.layers):
            stages = many_layers_float.algorithm(chain, picture, source)
            many_layers_float.schedule(chain, stages, tasks)
        elif layer is None:
            stages = plain.algorithm(program, picture, source)
            plain.schedule(stages, tasks)
        elif layer.shift is None:
            stages = one_layer_float.algorithm(layer, picture, source)
            one_layer_float.schedule(layer, stages, tasks)
        else:
            stages = one_layer_integer.algorithm(layer, picture, source)
            one_layer_integer.schedule(layer, stages, tasks)
        output = stages.output.output_buffer()
        output.dim(0).set_bounds(0, source.dim(0).extent() * program.scale).set_stride(1)
        output.dim(1).set_bounds(0, source.dim(1).extent() * program.scale)
        self._arrays = stages.arrays  # Halide keeps no reference to the weights' memory
        self._run = stages.output.compile_to_callable([source, tasks], hl.get_jit_target_from_environment())

    def __call__(self, source: NDArray[Any], target: NDArray[Any], tasks: int) -> None:
        self._run(hl.Buffer(source), tasks, hl.Buffer(target))


def match_one_layer(program: Program) -> OneLayer | None:
    """The program as one layer, if it is one: luma → convolution → shuffle → choice → shift → recolor."""
    ops = list(program.ops)
    if [max(op.operands()) for op in ops] != list(range(len(ops))):
        return None
    if program.channels == 3:
        if not isinstance(ops[0], Luma) or not isinstance(ops[-1], AddChroma) or ops[-1].picture != 0:
            return None
        ops = ops[1:-1]
    shift = None
    if program.integer:
        last = ops.pop()
        if not isinstance(last, RoundingShiftRight) or (last.minimum, last.maximum) != (-32768, 32767):
            return None
        shift = last.shift
    match ops:
        case [Convolution() as layer, PixelShuffle(scale=scale)]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), ReduceMax()]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), SoftmaxSum(logit=choice)]:
            pass
        case _:
            return None
    if layer.pad_value is not None or layer.weight_scale is not None:
        return None
    found = OneLayer(layer.weight[:, 0], layer.bias, layer.padding, scale, choice, shift)
    return found if shift is None or one_layer_integer.parts(found) else None


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


def _kind(picture: NDArray[Any], program: Program) -> Picture:
    """What kind of picture it is, if it is one that the program can take."""
    kind = check_picture(picture)
    if picture.ndim == 2 and program.channels == 3:
        raise ValueError(f"{program.name} takes (H, W, 3) RGB pictures, got shape {picture.shape}")
    if program.integer and picture.dtype != np.uint8:
        raise ValueError(f"{program.name} is an integer program: it takes uint8 pictures, got {picture.dtype}")
    return kind


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
