"""How much of a layer is computed in registers at a time, in float32."""

from __future__ import annotations

from dataclasses import dataclass

from .chain import ManyLayers


@dataclass(frozen=True)
class RegisterBlock:
    """What of a layer is computed in registers: `channels` outputs of `vectors` vectors of pixels."""

    channels: int
    vectors: int


def blocks_of(net: ManyLayers, most: int) -> list[RegisterBlock]:
    """The block of each layer; where the next layer has 1×1 kernels, its blocks are made of whole blocks of this."""
    blocks: list[RegisterBlock] = []
    for layer, following in zip(reversed(net.layers), (None, *reversed(net.layers[1:])), strict=True):
        multiple = blocks[-1].vectors if following is not None and following.kernel == 1 else 0
        blocks.append(block_of(layer.outputs, most, multiple))
    return blocks[::-1]


def block_of(outputs: int, most: int, multiple: int = 0) -> RegisterBlock:
    """The block, of at most `most` sums, that takes the fewest cycles for each vector; `multiple`, unless 0, must hold
    whole numbers of it.

    A pass over one tap takes two multiply-adds or two loads in a cycle (vectors of pixels count three times, because
    they cross cache lines), five instructions of any kind, and at least the four cycles that a sum takes.
    """

    def cost(block: RegisterBlock) -> float:
        products, loads = block.channels * block.vectors, block.channels + 3 * block.vectors
        instructions = products + block.channels + block.vectors + 6
        cycles = max(products / 2, loads / 2, instructions / 5, 4) + 0.7
        return -(-outputs // block.channels) * cycles / block.vectors + 0.01 * block.vectors

    choices = [RegisterBlock(c, v) for v in range(1, 9) for c in range(1, min(outputs, most // v) + 1)]
    return min((block for block in choices if multiple % block.vectors == 0), key=cost)
