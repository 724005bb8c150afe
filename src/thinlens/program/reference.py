"""The program interpreter in plain NumPy: slow, obvious, never optimized. It is the truth for every other backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import color_reference
from .color_ops import ColorStatistics, ColorTable, InstanceNorm, MixTables, StridedConvolution, Thumbnail
from .operation import Operation, missing
from .ops import (
    FRACTION_BITS,
    LUMA_WEIGHTS,
    UPSAMPLE_UNIT,
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Luma,
    Multiply,
    PixelShuffle,
    PointSample,
    ReduceMax,
    RoundingShiftRight,
    Slice,
    SoftmaxSum,
    Upsample,
)
from .program import Program
from .table_ops import Lookup, Rescale, ShiftAndSum
from .table_reference import lookup, rescale, shift_and_sum

LUMA_WEIGHTS_16 = (19595, 38470, 7471)
"""The same times 2**16, rounded so that they add up to 2**16 exactly."""

Planes = NDArray[Any]


def run(program: Program, picture: NDArray[Any], bits: int | None = None) -> NDArray[Any]:
    """Run a program on a picture, slowly.

    `picture`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, uint16 or float32 in [0, 1]; a float32 result is not clipped.
    Returns the same layout and dtype, `scale` times larger. uint8 pictures go through `program.uint8`, if there is one.
    Feature maps are `(H, W, C)` float32, and have as many channels in the result as the program gives.
    `bits` says how many bits of uint16 are in use (None: all): 1 is 2**bits - 1 then.
    """
    program = program.for_picture(picture.dtype, 1 if picture.ndim == 2 else picture.shape[2])
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    values = [_decode(program, planes, bits)]
    for op in program.ops:
        values.append(evaluate(op, values))
    result = _encode(program, values[-1], picture.dtype, bits)
    return result[0] if picture.ndim == 2 else np.ascontiguousarray(np.moveaxis(result, 0, -1))


def _decode(program: Program, planes: Planes, bits: int | None) -> Planes:
    if program.integer:
        return planes.astype(np.int32) << FRACTION_BITS
    if planes.dtype == np.float32:
        return planes
    return planes.astype(np.float32) * np.float32(1 / _peak(planes.dtype, bits))


def _encode(program: Program, planes: Planes, dtype: np.dtype[Any], bits: int | None) -> Planes:
    if program.integer:
        return np.clip((planes + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS, 0, 255).astype(np.uint8)
    if dtype == np.float32:
        return planes
    peak = _peak(dtype, bits)
    return np.clip(np.floor(planes * np.float32(peak) + np.float32(0.5)), 0, peak).astype(dtype)


def _peak(dtype: np.dtype[Any], bits: int | None) -> int:
    return int(np.iinfo(dtype).max) if bits is None else 2**bits - 1


def evaluate(op: Operation, values: list[Planes]) -> Planes:
    """The result of one operation, given all values before it; planes `(channels, H, W)`, or a color table."""
    function = EVALUATE.get(type(op))
    if function is None:
        raise missing("NumPy reference", op)
    return function(op, *(values[number] for number in op.operands()))


def convolution(op: Convolution, source: Planes) -> Planes:
    """`(in, H, W)` to `(out, H, W)`: a sum over the taps, one shifted copy of the source at a time."""
    outputs, _, kernel, _ = op.weight.shape
    radius = kernel // 2
    border = ((0, 0), (radius, radius), (radius, radius))
    if op.padding != "zero":
        padded = np.pad(source, border, mode=op.padding)
    elif op.pad_value is None:
        padded = np.pad(source, border)
    else:
        pad_value = op.pad_value[:, None, None]
        padded = np.pad(source - pad_value, border) + pad_value
        padded[:, radius : radius + source.shape[1], radius : radius + source.shape[2]] = source
    height, width = source.shape[1:]
    weight = op.weight.astype(source.dtype)
    if op.weight_scale is not None:
        weight = weight * op.weight_scale[:, None, None, None]
    total = np.zeros((outputs, height, width), source.dtype)
    for y in range(kernel):
        for x in range(kernel):
            total += np.tensordot(weight[:, :, y, x], padded[:, y : y + height, x : x + width], axes=1)
    return total if op.bias is None else total + op.bias[:, None, None]


def activation(op: Activation, source: Planes) -> Planes:
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


def fake_quantize(op: FakeQuantize, source: Planes) -> Planes:
    """The nearest of the values that 8 bits stand for."""
    zero = np.float32(op.zero_point) if isinstance(op.zero_point, int) else op.zero_point[:, None, None]
    zero = np.asarray(zero, np.float32)
    quantized = np.clip(np.rint(source * op.inverse_scale[:, None, None]) + zero, 0, 255)
    return (quantized - zero) * np.float32(op.scale)


def softmax_sum(op: SoftmaxSum, source: Planes) -> Planes:
    """Σ value·softmax(logit) over the channels; the largest logit is subtracted first, which changes nothing else."""
    if op.logit == "key":
        value, logit = np.split(source, 2)
    elif op.logit == "key*key":
        value, key = np.split(source, 2)
        logit = key * key
    else:
        value, query, key = np.split(source, 3)
        logit = query * key
    weight = np.exp(logit - logit.max(axis=0))
    return ((value * weight).sum(axis=0) / weight.sum(axis=0))[None]


def pixel_shuffle(op: PixelShuffle, source: Planes) -> Planes:
    """`(C · scale², H, W)` to `(C, scale · H, scale · W)`."""
    channels, height, width = source.shape
    s = op.scale
    blocks = source.reshape(channels // s**2, s, s, height, width)
    return blocks.transpose(0, 3, 1, 4, 2).reshape(channels // s**2, height * s, width * s)


def rounding_shift_right(op: RoundingShiftRight, source: Planes) -> Planes:
    """Divided by 2**shift, halves up, and clipped."""
    return np.clip((source + (1 << op.shift - 1)) >> op.shift, op.minimum, op.maximum)


def add_chroma(op: AddChroma, source: Planes, picture: Planes) -> Planes:
    """Luma, and what is left of the picture without its own luma, enlarged."""
    return source + bicubic(picture - luma(picture), op.scale)


def luma(rgb: Planes) -> Planes:
    """`(3, H, W)` RGB to `(1, H, W)` full-range BT.601 luma, in the unit of the source; integers to whole 8-bit values.

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


def bicubic_taps(scale: int, shift: float = 0.0) -> NDArray[np.float64]:
    """`(scale, 5)`: weights of the pixels at -2…2 for each sub-pixel position, a = -0.5, each row adding up to 1.

    Positions are `shift` pixels further on, by less than 1/2 + 1/(2 · scale): the taps reach no further.
    """
    offsets = (np.arange(scale) + 0.5) / scale - 0.5 + shift
    return cubic(np.abs(np.arange(-2, 3)[None] - offsets[:, None]))


def bicubic_taps_integer(scale: int, shift: float = 0.0) -> NDArray[np.int32]:
    """`(scale, 5)`: the taps times 2**15 as integers whose rows add up to 2**15."""
    rounded = np.rint(bicubic_taps(scale, shift) * UPSAMPLE_UNIT).astype(np.int32)
    for row in rounded:
        row[np.argmax(row)] += UPSAMPLE_UNIT - row.sum()
    return rounded


def bicubic(planes: Planes, scale: int) -> Planes:
    """Enlarge planes by bicubic interpolation, as `Upsample` does."""
    taps = bicubic_taps(scale).astype(np.float32) if planes.dtype.kind == "f" else bicubic_taps_integer(scale)
    return upsample(Upsample(0, taps, taps), planes)


def upsample(op: Upsample, planes: Planes) -> Planes:
    """Rows first, then columns; with integers each product is rounded to the unit of the source."""
    for axis, weights in ((1, op.down), (2, op.across)):
        radius, size = weights.shape[1] // 2, planes.shape[axis]
        padded = np.pad(planes, [(radius, radius) if i == axis else (0, 0) for i in range(3)], mode="edge")
        taken = [np.take(padded, np.arange(t, t + size), axis=axis) for t in range(2 * radius + 1)]
        if planes.dtype.kind == "f":
            phases = [sum(w * t for w, t in zip(row, taken, strict=True)) for row in weights]
        else:
            phases = [sum((w * t + (1 << 14)) >> 15 for w, t in zip(row, taken, strict=True)) for row in weights]
        shape = list(planes.shape)
        shape[axis] *= op.scale
        planes = np.stack(phases, axis=axis + 1).reshape(shape)
    return planes


def point_sample(op: PointSample, source: Planes, offsets: Planes) -> Planes:
    """Four neighbors and their weights for each pixel.

    A place is counted from the pixel that it lies in, not from the corner of the picture: so it is the same number
    wherever a band of the picture begins.
    """
    height, width = source.shape[1:]
    centers = op.centers
    dx, dy = np.split(np.clip(offsets, np.float32(-op.bound), np.float32(op.bound)), 2)
    dx, dy = dx + np.tile(centers, width), dy + np.tile(centers, height)[:, None]
    left, above = np.floor(dx), np.floor(dy)
    x, y = dx - left, dy - above
    column = np.arange(width).repeat(op.scale) + left.astype(np.int32)
    row = np.arange(height).repeat(op.scale)[:, None] + above.astype(np.int32)
    columns, rows = (
        [np.clip(c, 0, width - 1) for c in (column, column + 1)],
        [np.clip(r, 0, height - 1) for r in (row, row + 1)],
    )
    result: list[Planes] = []
    for group, planes in enumerate(np.split(source, op.groups)):
        corners = [[planes[:, r[group], c[group]] for c in columns] for r in rows]
        upper, lower = (first * (1 - x[group]) + second * x[group] for first, second in corners)
        result.append(upper * (1 - y[group]) + lower * y[group])
    return np.concatenate(result)


EVALUATE: dict[type[Operation], Callable[..., Planes]] = {
    Convolution: convolution,
    Activation: activation,
    Add: lambda op, source, other: source + other,
    FakeQuantize: fake_quantize,
    PixelShuffle: pixel_shuffle,
    Upsample: upsample,
    ReduceMax: lambda op, source: source.max(axis=0, keepdims=True),
    SoftmaxSum: softmax_sum,
    RoundingShiftRight: rounding_shift_right,
    Luma: lambda op, source: luma(source),
    AddChroma: add_chroma,
    Lookup: lookup,
    ShiftAndSum: shift_and_sum,
    Rescale: rescale,
    PointSample: point_sample,
    Multiply: lambda op, source, other: source * other,
    Slice: lambda op, source: source[op.start : op.stop],
    Thumbnail: color_reference.thumbnail,
    StridedConvolution: color_reference.strided_convolution,
    InstanceNorm: color_reference.instance_norm,
    ColorStatistics: color_reference.color_statistics,
    MixTables: color_reference.mix_tables,
    ColorTable: color_reference.color_table,
}
"""What each operation does: from the operation and the planes that it reads to its result."""
