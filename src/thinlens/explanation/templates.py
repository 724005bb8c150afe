"""The templates of edge-SR networks, and which one is taken at each pixel: attention as template matching.

P. Navarrete Michelini, Y. Lu, X. Jiang: edge-SR: Super-Resolution For The Masses. WACV 2022 [NavarreteMichelini2022].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import Convolution, PixelShuffle, Program, ReduceMax, SoftmaxSum
from ..program.reference import evaluate

RESPONSE = 64
"""Frequencies along each side of a response."""
FLOOR = -40.0
"""Decibels below which a response is drawn black."""


@dataclass(frozen=True)
class Templates:
    """Of a network of one layer: `kernels` is `(groups, templates, scale · K, scale · K)` float32.

    A kernel is what one pixel of the picture adds to the sub-pixels around it; `groups` names them in their order:
    value, or value and key, or value, query and key.
    """

    kernels: NDArray[np.float32]
    groups: tuple[str, ...]

    def responses(self) -> NDArray[np.float32]:
        """`(groups, templates, 64, 64)`: gains in decibels against the strongest of each kernel, frequency 0 in the
        middle, the sampling rate of the result at the border."""
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(self.kernels, (RESPONSE, RESPONSE)), axes=(-2, -1)))
        strongest = spectrum.max(axis=(-2, -1), keepdims=True)
        decibels = 20 * np.log10(np.maximum(spectrum / np.maximum(strongest, 1e-12), 1e-9))
        return np.maximum(decibels, FLOOR).astype(np.float32)


def templates(program: Program) -> Templates | None:
    """The templates of a program of one layer, None for other programs."""
    match program.ops:
        case (
            Convolution(source=0) as layer,
            PixelShuffle(source=1, scale=scale),
            ReduceMax() | SoftmaxSum() as choice,
        ):
            groups = _groups(choice)
        case _:
            return None
    if layer.weight.shape[1] != 1:
        return None
    kernel = layer.weight.shape[2]
    taps = layer.weight.reshape(len(groups), -1, scale, scale, kernel, kernel)[..., ::-1, ::-1]
    side = scale * kernel
    kernels = taps.transpose(0, 1, 4, 2, 5, 3).reshape(*taps.shape[:2], side, side)
    return Templates(np.ascontiguousarray(kernels, np.float32), groups)


def wins(program: Program, luma: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """Which template has the most weight at each pixel of the result, `(H, W)`, and the mean weight of each.

    `luma`: `(h, w)` float32 in [0, 1]. For all programs that end in a choice among templates, eSR-CNN too; None for
    others.
    """
    choice = program.ops[-1]
    if not isinstance(choice, ReduceMax | SoftmaxSum) or program.channels != 1:
        return None
    values: list[NDArray[Any]] = [luma[None]]
    for op in program.ops[:-1]:
        values.append(evaluate(op, values))
    features = values[choice.operands()[0]]
    if isinstance(choice, ReduceMax):
        best = features.argmax(axis=0)
        return best, np.bincount(best.ravel(), minlength=len(features)).astype(np.float32) / best.size
    parts = features.reshape(len(_groups(choice)), -1, *features.shape[1:])
    logit = {"key": parts[-1], "query*key": parts[1] * parts[-1], "key*key": parts[-1] ** 2}[choice.logit]
    weight = np.exp(logit - logit.max(axis=0))
    weight = weight / weight.sum(axis=0)
    return weight.argmax(axis=0), weight.mean(axis=(1, 2)).astype(np.float32)


def _groups(choice: ReduceMax | SoftmaxSum) -> tuple[str, ...]:
    if isinstance(choice, ReduceMax):
        return ("value",)
    return ("value", "query", "key") if choice.logit == "query*key" else ("value", "key")
