"""From a program to something callable. Here alone is decided which form of a pipeline a program gets."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from thinlens.program import ChannelMaximum, Convolution, Luma, PixelShuffle, Program, Recolor, RoundShift, SoftmaxSum, dump
from thinlens.program.ops import sources

from . import one_layer as fused
from . import one_layer_integer as integer
from . import plain
from .picture import TYPES, Picture


class Compiled:
    """A program that runs: pipelines are built at the first picture of each kind and kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._pipelines: dict[Picture, Any] = {}

    def __call__(
        self, picture: NDArray[Any], out: NDArray[Any] | None = None, *, threads: int | None = None
    ) -> NDArray[Any]:
        """Enlarge a picture.

        `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1], any strides.
        Returns the same layout and dtype, `scale` times larger (in `out`, if given); a float32 result is not clipped.
        `threads` limits the number of threads; it never changes the result.
        """
        kind = _check(picture, self.program)
        scale = self.program.scale
        shape = (picture.shape[0] * scale, picture.shape[1] * scale, *picture.shape[2:])
        if out is None:
            out = np.empty(shape, picture.dtype)
        elif out.shape != shape or out.dtype != picture.dtype:
            raise ValueError(f"out must be {shape} {picture.dtype}, got {out.shape} {out.dtype}")
        elif np.may_share_memory(picture, out):
            picture = picture.copy()
        target = out if _addressable(out) else np.empty(shape, out.dtype)
        pipeline = self.build(kind)
        pipeline(_rows(picture if _addressable(picture) else np.ascontiguousarray(picture)), _rows(target), threads or 64)
        if target is not out:
            out[...] = target
        return out

    def build(self, kind: Picture) -> Any:
        """The pipeline for one kind of picture, built if it is not there yet."""
        if kind not in self._pipelines:
            self._pipelines[kind] = _Pipeline(self.program, kind)
        return self._pipelines[kind]


class _Pipeline:
    def __init__(self, program: Program, picture: Picture) -> None:
        if picture.channels == 3:
            program = program.color
        if picture.dtype == np.uint8 and program.uint8 is not None:
            program = program.uint8
        source, tasks = picture.source(), hl.Param(hl.Int(32), "tasks")
        layer, shift = one_layer(program)
        height = picture.height(source)
        if layer is None or (program.integer and (shift is None or not integer.parts(layer))):
            stages = plain.algorithm(program, picture, source)
            plain.schedule(stages, tasks)
        elif shift is not None:
            stages = integer.algorithm(layer, shift, picture, source)
            integer.schedule(layer, picture, stages, tasks, height)
        else:
            stages = fused.algorithm(layer, picture, source)
            fused.schedule(layer, picture, stages, tasks, height)
        width, height = source.dim(0).extent() * program.scale, source.dim(1).extent() * program.scale
        output = stages.output.output_buffer()
        output.dim(0).set_bounds(0, width).set_stride(1)
        output.dim(1).set_bounds(0, height)
        self._stages = stages  # keeps the weights alive
        self._call = stages.output.compile_to_callable([source, tasks], hl.get_jit_target_from_environment())

    def __call__(self, source: NDArray[Any], output: NDArray[Any], tasks: int) -> None:
        self._call(hl.Buffer(source), tasks, hl.Buffer(output))


def one_layer(program: Program) -> tuple[fused.OneLayer | None, int | None]:
    """The program as one layer, if it is one: luma → convolution → shuffle → choice → shift → recolor."""
    ops = list(program.ops)
    if [max(sources(op)) for op in ops] != list(range(len(ops))):
        return None, None
    if program.channels == 3:
        if not isinstance(ops[0], Luma) or not isinstance(ops[-1], Recolor) or ops[-1].picture != 0:
            return None, None
        ops = ops[1:-1]
    shift = None
    if ops and isinstance(ops[-1], RoundShift):
        last = ops.pop()
        if (last.low, last.high) != (-32768, 32767):
            return None, None
        shift = last.shift
    match ops:
        case [Convolution() as layer, PixelShuffle(scale=scale)]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), ChannelMaximum()]:
            choice = "maximum"
        case [Convolution() as layer, PixelShuffle(scale=scale), SoftmaxSum(score=choice)]:
            pass
        case _:
            return None, None
    return fused.OneLayer(layer.weight[:, 0], layer.bias, layer.padding, scale, choice), shift


def _rows(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.ndim == 2 else np.lib.stride_tricks.as_strided(
        array, (array.shape[0], array.shape[1] * 3), (array.strides[0], array.itemsize)
    )


@lru_cache(maxsize=64)
def _compiled(digest: str, holder: "_Holder") -> Compiled:
    return Compiled(holder.program)


def compile(program: Program) -> Compiled:
    return Compiled(program)


def _addressable(array: NDArray[Any]) -> bool:
    """Whether rows are contiguous elements, one after the other, upwards in memory."""
    size = array.itemsize
    inner = (size,) if array.ndim == 2 else (3 * size, size)
    return array.strides[1:] == inner and array.strides[0] >= array.shape[1] * inner[0]


def _check(picture: NDArray[Any], program: Program) -> Picture:
    return Picture(picture.dtype, 1 if picture.ndim == 2 else 3)
