"""One-layer programs in float32.

eSR-TM_s2_K5_C4 takes 800 multiply-adds for each low-resolution pixel, eSR-TR_s2_K5_C4 1200, eSR-TR_s2_K7_C16 9408, and
an exponential for each template of each high-resolution pixel; benchmarks/README.md has the floor that they set, and
benchmarks/results/speed.md what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from ...program import Program
from .. import frame as frames
from ..constants import Constants
from ..form import Form
from ..frame import COLUMN, ROW, C, Frame, X, Y
from ..picture import Picture
from ..processor import Processor
from ..softmax import weighted_sum
from . import layer as layers
from .layer import OneLayer


@dataclass(frozen=True)
class Stages:
    """The layer between the stages of its frame: its feature maps, and what they make of a high-resolution pixel."""

    frame: Frame
    padded: hl.Func
    features: hl.Func
    upscaled: hl.Func
    constants: Constants

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def match(program: Program) -> OneLayer | None:
    """A float program of one layer."""
    layer = layers.match(program)
    return layer if layer is not None and layer.shift is None else None


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam, processor: Processor) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame, constants = frames.begin(picture, source, layer.scale, integer=False), Constants()
    padded = layers.padded(layer, frame)
    weights, biases = (constants.buffer(array) for array in _weights(layer))
    features, upscaled = hl.Func("features"), hl.Func("upscaled")
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel)])
    radius = layer.kernel // 2
    pixel = padded[X + taps.x - radius, Y + taps.y - radius]
    features[X, Y, COLUMN, ROW, C] = biases[C, COLUMN, ROW]
    features[X, Y, COLUMN, ROW, C] += weights[C, taps.x, taps.y, COLUMN, ROW] * pixel
    values = [hl.Expr(features[X, Y, COLUMN, ROW, c]) for c in range(layer.channels)]
    if layer.choice == "maximum":
        largest = values[0]
        for value in values[1:]:
            largest = hl.max(largest, value)
        upscaled[X, Y, COLUMN, ROW] = largest
    else:
        upscaled[X, Y, COLUMN, ROW] = weighted_sum(values.__getitem__, layer.channels, layer.choice)

    frames.finish(frame, lambda x, column: hl.Expr(upscaled[x, Y, column, ROW]), frames.float_element(picture))
    return Stages(frame, padded, features, upscaled, constants)


def schedule(layer: OneLayer, stages: Stages, processor: Processor, tasks: hl.Expr) -> None:
    """All channels of one sub-pixel of 32 low-resolution pixels in registers, the taps as loops around them."""
    vector = 32
    block, _ = layers.schedule(stages.frame, vector, 8, tasks)
    stages.padded.compute_at(block).vectorize(X, 16)
    stages.upscaled.compute_at(stages.frame.line, ROW).vectorize(X, vector)
    stages.features.compute_at(stages.upscaled, COLUMN).vectorize(X, vector).unroll(C)
    part, inner = hl.Var("part"), hl.Var("inner")
    x, y = stages.features.rvars(0)
    update = stages.features.update().split(C, part, inner, _parts(layer)[1]).reorder(inner, X, x, y, part)
    update.vectorize(X, vector).unroll(inner)


def _parts(layer: OneLayer) -> tuple[int, int]:
    """In how many parts of how many channels: with two vectors of each, a part's sums stay in 24 of 32 registers."""
    number = -(-layer.channels // 12)
    return number, -(-layer.channels // number)


def _weights(layer: OneLayer) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights as `[channel, x, y, column, row]`, bias as `[channel, column, row]`, zeros after the last channel.

    The channel is innermost, so that the weights of one tap lie together.
    """
    s, k = layer.scale, layer.kernel
    number, size = _parts(layer)
    weight = np.zeros((s, s, k, k, number * size), np.float32)
    weight[..., : layer.channels] = layer.weight.reshape(layer.channels, s, s, k, k).transpose(1, 2, 3, 4, 0)
    bias = np.zeros((s, s, number * size), np.float32)
    if layer.bias is not None:
        bias[..., : layer.channels] = layer.bias.reshape(layer.channels, s, s).transpose(1, 2, 0)
    return weight, bias


FORM = Form(match, algorithm, schedule)
