"""One-layer programs in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from . import frame as frames
from . import one_layer
from .frame import COLUMN, ROW, C, Frame, X, Y
from .one_layer import OneLayer
from .picture import Picture
from .softmax import weighted_sum


@dataclass(frozen=True)
class Stages:
    """The layer between the stages of its frame; `arrays` keeps the weights alive."""

    frame: Frame
    padded: hl.Func
    maps: hl.Func
    high: hl.Func
    arrays: list[NDArray[Any]]

    @property
    def output(self) -> hl.Func:
        """The last stage."""
        return self.frame.output


def algorithm(layer: OneLayer, picture: Picture, source: hl.ImageParam) -> Stages:
    """The stages; the output is `(W * channels * scale, H * scale)` as stored."""
    frame = frames.begin(picture, source, layer.scale, integer=False)
    padded = one_layer.padded(layer, frame)
    weight, bias = _weights(layer)
    weights, biases = hl.Buffer(weight), hl.Buffer(bias)
    maps, high = hl.Func("maps"), hl.Func("high")
    taps = hl.RDom([(0, layer.kernel), (0, layer.kernel)])
    radius = layer.kernel // 2
    pixel = padded[X + taps.x - radius, Y + taps.y - radius]
    maps[X, Y, COLUMN, ROW, C] = biases[C, COLUMN, ROW]
    maps[X, Y, COLUMN, ROW, C] += weights[C, taps.x, taps.y, COLUMN, ROW] * pixel
    values = [hl.Expr(maps[X, Y, COLUMN, ROW, c]) for c in range(layer.maps)]
    if layer.choice == "maximum":
        largest = values[0]
        for value in values[1:]:
            largest = hl.max(largest, value)
        high[X, Y, COLUMN, ROW] = largest
    else:
        high[X, Y, COLUMN, ROW] = weighted_sum(values.__getitem__, layer.maps, layer.choice)

    frames.finish(frame, lambda x, column: hl.Expr(high[x, Y, column, ROW]), frames.float_element(picture))
    return Stages(frame, padded, maps, high, [weight, bias])


# 1920×1080 → 3840×2160, luma uint8, 2 threads of a Xeon (Sapphire Rapids, 2 cores): eSR-TM_s2_K5_C4 13 ms,
# eSR-TR_s2_K5_C4 17 ms, eSR-TR_s2_K7_C4 28 ms, eSR-TR_s2_K7_C16 130 ms: 125 to 150 GMAC/s, softmax included.
def schedule(layer: OneLayer, stages: Stages, tasks: hl.Expr) -> None:
    """All maps of one sub-pixel of 32 low pixels in registers, the taps as loops around them."""
    vector = 32
    block, _ = one_layer.schedule(stages.frame, vector, 8, tasks)
    stages.padded.compute_at(block).vectorize(X, 16)
    stages.high.compute_at(stages.frame.line, ROW).vectorize(X, vector)
    stages.maps.compute_at(stages.high, COLUMN).vectorize(X, vector).unroll(C)
    part, inner = hl.Var("part"), hl.Var("inner")
    x, y = stages.maps.rvars(0)
    update = stages.maps.update().split(C, part, inner, _parts(layer)[1]).reorder(inner, X, x, y, part)
    update.vectorize(X, vector).unroll(inner)


def _parts(layer: OneLayer) -> tuple[int, int]:
    """In how many parts of how many maps: with two vectors of each, a part's sums stay in 24 of 32 registers."""
    number = -(-layer.maps // 12)
    return number, -(-layer.maps // number)


def _weights(layer: OneLayer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights as `[map, x, y, column, row]`, bias as `[map, column, row]` for Halide, zeros after the last map.

    The map is innermost, so that the weights of one tap lie together.
    """
    s, k = layer.scale, layer.kernel
    number, size = _parts(layer)
    weight = np.zeros((s, s, k, k, number * size), np.float32)
    weight[..., : layer.maps] = layer.weight.reshape(layer.maps, s, s, k, k).transpose(1, 2, 3, 4, 0)
    bias = np.zeros((s, s, number * size), np.float32)
    if layer.bias is not None:
        bias[..., : layer.maps] = layer.bias.reshape(layer.maps, s, s).transpose(1, 2, 0)
    return weight, bias
