"""The program interpreter in plain NumPy: slow, obvious, never optimized. It is the truth for every other backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ops import (
    FRACTION_BITS,
    Activation,
    Addition,
    ChannelMaximum,
    Convolution,
    Luma,
    Op,
    PixelShuffle,
    Program,
    Quantize,
    Recolor,
    RoundShift,
    SoftmaxSum,
)

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Full-range BT.601: Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601-7, 2.5.1)."""
LUMA_WEIGHTS_16 = (19595, 38470, 7471)
"""The same times 2**16, rounded so that they add up to 2**16 exactly."""

Planes = NDArray[Any]


def run(program: Program, picture: NDArray[Any]) -> NDArray[Any]:
    """Run a program on a picture, slowly.

    `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1]; a float32 result is not clipped.
    Returns the same layout and dtype, `scale` times larger. uint8 pictures go through `program.uint8`, if there is one.
    """
    if picture.ndim == 3:
        program = program.color
    if picture.dtype == np.uint8 and program.uint8 is not None:
        program = program.uint8
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    values = [_decode(program, planes)]
    for op in program.ops:
        values.append(evaluate(op, values))
    result = _encode(program, values[-1], picture.dtype)
    return result[0] if picture.ndim == 2 else np.ascontiguousarray(np.moveaxis(result, 0, -1))


def _decode(program: Program, planes: Planes) -> Planes:
    if program.integer:
        if planes.dtype != np.uint8:
            raise ValueError(f"an integer program takes uint8 pictures, got {planes.dtype}")
        return planes.astype(np.int32) << FRACTION_BITS
    if planes.dtype == np.float32:
        return planes
    return planes.astype(np.float32) * np.float32(1 / np.iinfo(planes.dtype).max)


def _encode(program: Program, planes: Planes, dtype: np.dtype[Any]) -> Planes:
    if program.integer:
        return np.clip((planes + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS, 0, 255).astype(np.uint8)
    if dtype == np.float32:
        return planes
    peak = np.iinfo(dtype).max
    return np.clip(np.floor(planes * np.float32(peak) + np.float32(0.5)), 0, peak).astype(dtype)


def evaluate(op: Op, values: list[Planes]) -> Planes:
    """The result of one operation, given all values before it; planes `(channels, H, W)`."""
    source = values[op.source]
    match op:
        case Convolution():
            return convolution(source, op)
        case Activation():
            return activation(source, op)
        case Addition():
            return source + values[op.other]
        case Quantize():
            return quantize(source, op)
        case PixelShuffle():
            channels, height, width = source.shape
            s = op.scale
            blocks = source.reshape(channels // s**2, s, s, height, width)
            return blocks.transpose(0, 3, 1, 4, 2).reshape(channels // s**2, height * s, width * s)
        case ChannelMaximum():
            return source.max(axis=0, keepdims=True)
        case SoftmaxSum():
            return softmax_sum(source, op)
        case RoundShift():
            return np.clip((source + (1 << op.shift - 1)) >> op.shift, op.low, op.high)
        case Luma():
            return luma(source)
        case Recolor():
            picture = values[op.picture]
            return source + bicubic(picture - luma(picture), op.scale)


def convolution(source: Planes, op: Convolution) -> Planes:
    """`(in, H, W)` to `(out, H, W)`: a sum over the taps, one shifted copy of the source at a time."""
    outputs, _, kernel, _ = op.weight.shape
    radius = kernel // 2
    border = ((0, 0), (radius, radius), (radius, radius))
    if op.padding == "edge":
        padded = np.pad(source, border, mode="edge")
    elif op.outside is None:
        padded = np.pad(source, border)
    else:
        outside = op.outside[:, None, None]
        padded = np.pad(source - outside, border) + outside
        padded[:, radius : radius + source.shape[1], radius : radius + source.shape[2]] = source
    height, width = source.shape[1:]
    weight = op.weight.astype(source.dtype)
    if op.step is not None:
        weight = weight * op.step[:, None, None, None]
    total = np.zeros((outputs, height, width), source.dtype)
    for y in range(kernel):
        for x in range(kernel):
            total += np.tensordot(weight[:, :, y, x], padded[:, y : y + height, x : x + width], axes=1)
    return total if op.bias is None else total + op.bias[:, None, None]


def activation(source: Planes, op: Activation) -> Planes:
    """One function of every value; large arguments do not overflow."""
    match op.function:
        case "relu":
            return np.maximum(source, 0)
        case "prelu":
            assert op.slope is not None
            return np.where(source < 0, op.slope[:, None, None] * source, source)
        case "tanh":
            return np.tanh(source)
        case "sigmoid":
            return np.float32(0.5) * np.tanh(np.float32(0.5) * source) + np.float32(0.5)
        case "softplus":
            return np.maximum(source, 0) + np.log1p(np.exp(-np.abs(source)))


def quantize(source: Planes, op: Quantize) -> Planes:
    """The nearest of 256 levels; `zero` is the level of 0."""
    zero = np.float32(op.zero) if isinstance(op.zero, int) else op.zero.astype(np.float32)[:, None, None]
    level = np.clip(np.rint(source * op.levels_per_unit[:, None, None]) + zero, 0, 255)
    return (level - zero) * np.float32(op.step)


def softmax_sum(source: Planes, op: SoftmaxSum) -> Planes:
    """Σ value·softmax(score) over the channels; the largest score is subtracted first, which changes nothing else."""
    if op.score == "key":
        value, score = np.split(source, 2)
    elif op.score == "key*key":
        value, key = np.split(source, 2)
        score = key * key
    else:
        value, query, key = np.split(source, 3)
        score = query * key
    weight = np.exp(score - score.max(axis=0))
    return ((value * weight).sum(axis=0) / weight.sum(axis=0))[None]


def luma(rgb: Planes) -> Planes:
    """`(3, H, W)` RGB to `(1, H, W)` full-range BT.601 luma, in the unit of the source; integers to whole levels.

    What rounding takes from the luma it gives to the chroma, so that both together stay what the picture was.
    """
    if rgb.dtype.kind == "f":
        return np.tensordot(np.array([LUMA_WEIGHTS], rgb.dtype), rgb, axes=1)
    red, green, blue = (rgb[i].astype(np.int64) * LUMA_WEIGHTS_16[i] for i in range(3))
    shift = 16 + FRACTION_BITS
    return (((red + green + blue + (1 << shift - 1)) >> shift) << FRACTION_BITS).astype(np.int32)[None]


def cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic convolution kernel with a = -0.5 [Keys1981], which is zero from distance 2 on."""
    near = 1 - 2.5 * distance**2 + 1.5 * distance**3
    far = 2 - 4 * distance + 2.5 * distance**2 - 0.5 * distance**3
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


def bicubic_taps(scale: int) -> NDArray[np.float64]:
    """`(scale, 5)`: weights of the pixels at -2…2 for each sub-pixel position, a = -0.5, each row adding up to 1."""
    offsets = (np.arange(scale) + 0.5) / scale - 0.5
    return cubic(np.abs(np.arange(-2, 3)[None] - offsets[:, None]))


def bicubic_taps_integer(scale: int) -> NDArray[np.int32]:
    """`(scale, 5)`: the taps times 2**15 as integers whose rows add up to 2**15."""
    rounded = np.rint(bicubic_taps(scale) * 2**15).astype(np.int32)
    for row in rounded:
        row[np.argmax(row)] += 2**15 - row.sum()
    return rounded


def bicubic(planes: Planes, scale: int) -> Planes:
    """Enlarge planes, rows first, then columns; with integers each product is rounded to the unit of the source."""
    for axis in (1, 2):
        padded = np.pad(planes, [(2, 2) if i == axis else (0, 0) for i in range(3)], mode="edge")
        size = planes.shape[axis]
        taken = [np.take(padded, np.arange(t, t + size), axis=axis) for t in range(5)]
        if planes.dtype.kind == "f":
            rows = bicubic_taps(scale).astype(np.float32)
            phases = [sum(w * t for w, t in zip(row, taken, strict=True)) for row in rows]
        else:
            rows = bicubic_taps_integer(scale)
            phases = [sum((w * t + (1 << 14)) >> 15 for w, t in zip(row, taken, strict=True)) for row in rows]
        shape = list(planes.shape)
        shape[axis] *= scale
        planes = np.stack(phases, axis=axis + 1).reshape(shape)
    return planes
