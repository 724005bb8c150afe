"""How much of a layer is computed in registers at a time, in float32."""

from __future__ import annotations

from dataclasses import dataclass

import halide as hl

from .many_layers import ManyLayers


@dataclass(frozen=True)
class Shape:
    """What of a layer is computed in registers: `channels` outputs of `vectors` vectors of pixels."""

    channels: int
    vectors: int


def machine() -> tuple[int, int]:
    """Floats in a vector, and how many vectors of sums the registers hold beside what is multiplied, of the processor
    that pipelines are made for."""
    target = hl.get_jit_target_from_environment()
    lanes = target.natural_vector_size(hl.Float(32))
    return lanes, 26 if lanes == 16 or target.arch == hl.TargetArch.ARM else 12


def shapes_of(net: ManyLayers, most: int) -> list[Shape]:
    """The shape of each layer; where the next layer has 1×1 kernels, its blocks are made of whole blocks of this."""
    shapes: list[Shape] = []
    for layer, following in zip(reversed(net.layers), (None, *reversed(net.layers[1:])), strict=True):
        multiple = shapes[-1].vectors if following is not None and following.kernel == 1 else 0
        shapes.append(shape_of(layer.outputs, most, multiple))
    return shapes[::-1]


def shape_of(outputs: int, most: int, multiple: int = 0) -> Shape:
    """The shape, of at most `most` sums, that takes the fewest cycles for each vector; `multiple`, unless 0, must hold
    whole numbers of it.

    A pass over one tap takes two multiply-adds or two loads in a cycle (vectors of pixels count three times, because
    they cross cache lines), five instructions of any kind, and at least the four cycles that a sum takes.
    """

    def cost(shape: Shape) -> float:
        products, loads = shape.channels * shape.vectors, shape.channels + 3 * shape.vectors
        instructions = products + shape.channels + shape.vectors + 6
        cycles = max(products / 2, loads / 2, instructions / 5, 4) + 0.7
        return -(-outputs // shape.channels) * cycles / shape.vectors + 0.01 * shape.vectors

    choices = [Shape(c, v) for v in range(1, 9) for c in range(1, min(outputs, most // v) + 1)]
    return min((shape for shape in choices if multiple % shape.vectors == 0), key=cost)
