"""A float program quantized: int8 weights on 8-bit values, nearly the same picture in half the time.

Layer by layer, with what comes out of the layers before, already quantized: each channel gets the scale and the zero
point that change its values the least; weights are fitted again to give the float layer's result from those; then they
are rounded one input after the other, and what the rounding of one changes, those still to be rounded make up for
[Frantar2023].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..program import Convolution, FakeQuantize, Operation, Program, renumbered
from ..program.reference import evaluate, luma

Planes = NDArray[Any]

PICTURE = FakeQuantize(0, 1 / 255, 0)
"""The picture as it is stored."""
LARGEST_WEIGHT = 127
"""The largest quantized weight."""
WEIGHT_SCALES = (1.0, 0.92, 0.85, 0.78, 0.7)
"""Scales of weights to try, as parts of the one that fits the largest weight."""
CLIPPING_COST = 0.2
"""How much the square of what is clipped counts beside the square of what is rounded: on crops of photos that were
held out from training, ECBSR_s2_M4_C8 lost 0.014 dB more with 1, FSRCNN_s2_D56_S12_M4 0.019; 0.12 to 0.25 are alike."""
RANGES = tuple(float(part) for part in np.linspace(1, 0.3, 29))
"""Ranges to try, as parts of the whole."""
RAREST = 50
"""One in so many values may be clipped."""
RIDGE = 1e-5
"""How much fitted weights are kept to the float ones, as a part of the mean variance of the inputs."""


def quantize(program: Program, pictures: Sequence[NDArray[Any]]) -> Program:
    """The program with int8 weights and 8-bit sources of every convolution but those of the picture itself.

    `pictures`: `(H, W)` luma or `(H, W, 3)` RGB, uint8, low-resolution as the program will get them; some sixty with
    96×96 pixels, full of detail and of every brightness, are enough. The last layer's values are not rounded, nor is a
    picture that is added to them. A result differs from the float program's by noise, which costs the released networks
    0.04 dB at most (benchmarks/results/scores.md). Raises ValueError for programs that take RGB, are not float or have
    one layer.
    Attach the result with `dataclasses.replace(program, uint8=quantize(program, pictures))`.
    """
    floats = [op.weight.dtype == np.float32 for op in program.ops if isinstance(op, Convolution)]
    if program.channels != 1 or len(floats) < 2 or not all(floats):
        raise ValueError(f"{program.name} cannot be quantized: that takes a float program of luma with two layers")
    lumas = [_luma(picture) for picture in pictures]
    if not lumas:
        raise ValueError("quantize needs at least one picture to choose scales by")
    exact: list[list[Planes]] = [[planes] for planes in lumas]
    rounded: list[list[Planes]] = [[planes] for planes in lumas]
    ops: list[Operation] = []
    numbers = [0]  # what each value is in the quantized program
    sources: dict[int, tuple[int, NDArray[np.float32], list[Planes]]] = {}  # of each value that is quantized
    for op in program.ops:
        for values in exact:
            values.append(evaluate(op, values))
        if isinstance(op, Convolution) and op.source > 0:
            if op.source not in sources:
                quantizer, factor = _quantizer([values[op.source] for values in exact])
                ops.append(replace(quantizer, source=numbers[op.source]))
                inputs = [evaluate(quantizer, [values[op.source]]) for values in rounded]
                sources[op.source] = len(ops), factor, inputs
            source, factor, inputs = sources[op.source]
            op = replace(_divided(op, factor), source=0)
            op = _quantize_weights(op, inputs, [values[-1] for values in exact])
            for values, planes in zip(rounded, inputs, strict=True):
                values.append(evaluate(op, [planes]))
            ops.append(replace(op, source=source))
        else:
            ops.append(renumbered(op, numbers.__getitem__))
            for values in rounded:
                values.append(evaluate(op, values))
        numbers.append(len(ops))
    return Program(program.name, tuple(ops), None, program.provenance)


def _extremes(values: list[Planes]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The minimum and the maximum of each channel, zero included."""
    minimum = np.min([planes.min(axis=(1, 2)) for planes in values], axis=0)
    maximum = np.max([planes.max(axis=(1, 2)) for planes in values], axis=0)
    return np.minimum(minimum, 0), np.maximum(maximum, 0)


def _range(values: list[Planes]) -> tuple[NDArray[Any], NDArray[Any]]:
    """From where to where the values of each channel are quantized, zero included: not as far as its rarest values.

    What is clipped then is worth the finer scale for the rest.
    """
    stacked = np.concatenate([planes.reshape(len(planes), -1) for planes in values], axis=1)
    minimum, maximum = _extremes(values)
    for channel, flat in enumerate(stacked):
        for end in (minimum, maximum):
            beyond = np.sort(np.maximum(flat if end is maximum else -flat, 0))[-len(flat) // RAREST :]
            full = abs(float(end[channel]))
            rest = float(maximum[channel] - minimum[channel]) - full

            def error(kept: float, beyond: NDArray[Any] = beyond, rest: float = rest, count: int = flat.size) -> float:
                clipped = float(np.square(np.maximum(beyond - kept, 0)).sum()) / count
                return CLIPPING_COST * clipped + (kept + rest) ** 2 / (12 * 255**2)

            end[channel] *= min(RANGES, key=lambda part: error(part * full))
    return minimum, maximum


def _quantizer(values: list[Planes]) -> tuple[FakeQuantize, NDArray[np.float32]]:
    """A scale for all channels, a zero point and a factor for the range of each; and these factors."""
    minimum, maximum = _range(values)
    extent = np.maximum(maximum - minimum, max(1e-3 * float((maximum - minimum).max()), 1e-30))
    scale = float(extent.max()) / 254
    factor = (extent.max() / extent).astype(np.float32)
    room = 255 - (maximum - minimum) * factor / scale  # to share between what lies beyond the range on both sides
    zero_point = np.where(minimum < 0, np.clip(np.rint(room / 2 - minimum * factor / scale), 0, 255), 0)
    return FakeQuantize(0, scale, zero_point.astype(np.uint8), factor), factor


def _divided(op: Convolution, factor: NDArray[np.float32]) -> Convolution:
    """The layer for a source that is multiplied by `factor`: its weights are divided by it."""
    pad_value = None if op.pad_value is None else op.pad_value * factor
    return replace(op, weight=op.weight / factor[:, None, None], pad_value=pad_value)


def _quantize_weights(op: Convolution, inputs: list[Planes], results: list[Planes]) -> Convolution:
    """The layer with int8 weights that gives nearly `results` from `inputs`; both have one entry per picture."""
    outputs = len(op.weight)
    mean, covariance, target_mean, products = _moments(op, inputs, results)
    weight = op.weight.reshape(outputs, -1).astype(np.float64)
    covariance[np.diag_indices_from(covariance)] += RIDGE * np.trace(covariance) / len(covariance) + 1e-12
    fitted = weight + np.linalg.solve(covariance, products - covariance @ weight.T).T
    quantized, scale = round_weights(fitted, covariance)
    bias = target_mean - (quantized * scale[:, None]) @ mean
    return replace(
        op,
        weight=quantized.reshape(op.weight.shape).astype(np.int8),
        bias=bias.astype(np.float32),
        weight_scale=scale.astype(np.float32),
    )


def _moments(
    op: Convolution, inputs: list[Planes], results: list[Planes]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of what each weight sees: mean, covariance; of the results: mean, and their covariance with what weights see."""
    size, outputs = op.weight[0].size, len(op.weight)
    total, square = np.zeros(size), np.zeros((size, size))
    target, product, count = np.zeros(outputs), np.zeros((size, outputs)), 0
    shift = _patches(inputs[0], op).mean(axis=1)  # near the mean already, so that float32 products are enough
    for planes, result in zip(inputs, results, strict=True):
        seen, wanted = _patches(planes, op) - shift[:, None], result.reshape(outputs, -1)
        total += seen.sum(axis=1, dtype=np.float64)
        target += wanted.sum(axis=1, dtype=np.float64)
        square += seen @ seen.T
        product += seen @ wanted.T
        count += seen.shape[1]
    mean, target = total / count, target / count
    return mean + shift, square / count - np.outer(mean, mean), target, product / count - np.outer(mean, target)


def _patches(planes: Planes, op: Convolution) -> NDArray[np.float32]:
    """`(in · kernel · kernel, H · W)`: what each weight of the layer is multiplied by."""
    kernel = op.weight.shape[2]
    border = ((0, 0), (kernel // 2, kernel // 2), (kernel // 2, kernel // 2))
    padded = np.pad(planes, border) if op.padding == "zero" else np.pad(planes, border, mode=op.padding)
    windows = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    return windows.transpose(0, 3, 4, 1, 2).reshape(op.weight[0].size, -1)


def round_weights(weight: NDArray[Any], covariance: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Quantized weights `(out, in)`, whole numbers, and the scale of each output.

    One input after the other is rounded, those of the largest variance first. The rest then moves to where it gives the
    least error together with what was rounded: with the inverse covariance's Cholesky factor that is a multiple of
    one of its rows.
    """
    order = np.argsort(-np.diag(covariance))
    upper = np.linalg.cholesky(np.linalg.inv(covariance[np.ix_(order, order)])).T
    best, best_error = np.zeros_like(weight), np.full(len(weight), np.inf)
    best_scale = np.ones(len(weight))
    for part in WEIGHT_SCALES:
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-9) * (part / LARGEST_WEIGHT)
        rest, quantized = weight[:, order].copy(), np.zeros_like(weight)
        for i in range(len(order)):
            quantized[:, i] = np.clip(np.rint(rest[:, i] / scale), -LARGEST_WEIGHT, LARGEST_WEIGHT)
            rest[:, i:] -= np.outer((rest[:, i] - quantized[:, i] * scale) / upper[i, i], upper[i, i:])
        quantized = quantized[:, np.argsort(order)]
        change = quantized * scale[:, None] - weight
        error = np.einsum("oi,ij,oj->o", change, covariance, change)
        better = error < best_error
        best[better], best_scale[better], best_error[better] = quantized[better], scale[better], error[better]
    return best, best_scale


def _luma(picture: NDArray[Any]) -> Planes:
    """A uint8 picture as the program sees it: `(1, H, W)` float32 in [0, 1], rounded to 8 bits if it was RGB."""
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(
            f"pictures must be uint8, (H, W) or (H, W, 3), got {picture.dtype} {picture.shape}: convert them first"
        )
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    planes = planes.astype(np.float32) / np.float32(255)
    return evaluate(PICTURE, [planes if picture.ndim == 2 else luma(planes)])
